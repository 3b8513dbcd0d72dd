//! Contract 9, for what may be called again: nothing is lost, doubled or reordered.

use std::ops::ControlFlow;

use suite::wire::{BINARY, CLOSE, CONTINUATION, FIN, Frame, PING, TEXT, close_payload, frame};
use ws_core::Role;
use ws_tokio::{CloseCode, Closed, Config, ConnectOptions, Event, Message, MessageRef, SendError, WebSocket};

use crate::polls::at_every_poll;
use crate::transport::Transport;

/// What a client sends, from small frames and cut ones to a Close frame.
fn conversation() -> Transport {
    let transport = Transport::stuttering(7);
    for (first, payload) in [
        (FIN | TEXT, &b"one"[..]),
        (FIN | PING, b"ping"),
        (TEXT, b"t"),
        (CONTINUATION, b""),
        (FIN | PING, b"between"),
        (FIN | CONTINUATION, b"wo"),
        (FIN | BINARY, &[3; 60]),
        (FIN | TEXT, b""),
        (FIN | CLOSE, &close_payload(1001, "bye")),
    ] {
        transport.give(frame(first, true, payload));
    }
    transport.end();
    transport
}

fn quiet() -> Config {
    Config::default().ping_interval(None)
}

#[tokio::test(start_paused = true)]
async fn recv() {
    at_every_poll(async |polls| {
        let transport = conversation();
        let mut socket = transport.connection(Role::Server, &quiet());
        let mut messages = Vec::new();
        while let Some(message) = polls.again(async || socket.recv().await).await.unwrap() {
            messages.push(message);
        }
        (messages, socket.closed().cloned(), transport.frames())
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn next() {
    at_every_poll(async |polls| {
        let transport = conversation();
        let mut socket = transport.connection(Role::Server, &quiet());
        let mut events = Vec::new();
        while let Some(event) = polls.again(async || socket.next_event().await).await.unwrap() {
            events.push(event);
        }
        assert!(matches!(events.last(), Some(Event::Closed(_))));
        (events, transport.frames())
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn an_error_is_reported_once() {
    at_every_poll(async |polls| {
        let transport = Transport::stuttering(3);
        transport.give(frame(FIN | TEXT, true, b"good"));
        transport.give(frame(FIN | TEXT, true, b"bad \xFF"));
        transport.end();
        let mut socket = transport.connection(Role::Server, &quiet());
        let mut events = Vec::new();
        loop {
            match polls.again(async || socket.next_event().await).await {
                Ok(Some(event)) => events.push(format!("{event:?}")),
                Ok(None) => return (events, transport.frames()),
                Err(error) => events.push(error.to_string()),
            }
        }
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn for_each_borrowed() {
    at_every_poll(async |polls| {
        let transport = conversation();
        // Little room, so that replies have to be written before more is shown.
        let mut socket = transport.connection(Role::Server, &quiet().max_send_buffer(10));
        let mut seen = Vec::new();
        polls
            .again(async || {
                let visitor = |message: MessageRef<'_>, reply: &mut ws_tokio::Responder<'_>| {
                    seen.push(format!("{message:?}"));
                    reply.send(message).unwrap();
                    ControlFlow::Continue(())
                };
                socket.for_each_borrowed(visitor).await
            })
            .await
            .unwrap();
        (seen, socket.closed().cloned(), transport.frames())
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn recv_stream_and_its_reader() {
    at_every_poll(async |polls| {
        let transport = conversation();
        let mut socket = transport.connection(Role::Server, &quiet());
        let mut messages = Vec::new();
        'messages: loop {
            let mut reader = loop {
                // A reader borrows the connection, so that this cannot be a closure that is called again.
                match polls.cut(socket.recv_stream()).await {
                    None => {}
                    Some(Ok(Some(reader))) => break reader,
                    Some(other) => {
                        assert!(matches!(other, Ok(None)));
                        break 'messages;
                    }
                }
            };
            let mut message = Vec::new();
            while let Some(chunk) = polls.again(async || reader.next_chunk().await).await.unwrap() {
                message.extend_from_slice(&chunk);
            }
            messages.push((reader.kind(), message));
        }
        (messages, socket.closed().cloned(), transport.frames())
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_reader_that_is_dropped_anywhere_passes_over_its_message_only() {
    at_every_poll(async |polls| {
        let transport = Transport::stuttering(16);
        for (first, payload) in [
            (BINARY, &[1; 60]),
            (CONTINUATION, &[2; 60]),
            (FIN | CONTINUATION, &[3; 60]),
            (FIN | BINARY, &[4; 60]),
        ] {
            transport.give(frame(first, true, payload));
        }
        let mut socket = transport.connection(Role::Server, &quiet());
        let mut reader = socket.recv_stream().await.unwrap().unwrap();
        // Read to its end, or to wherever it is cut.
        while let Some(Some(_)) = polls.cut(reader.next_chunk()).await.map(Result::unwrap) {}
        drop(reader);
        polls.again(async || socket.recv().await).await.unwrap()
    })
    .await;
}

/// A connection with messages of many sizes queued, and what becomes of them on the wire.
fn queued() -> (Transport, WebSocket<Transport>) {
    let transport = Transport::stuttering(700);
    let mut socket = transport.connection(Role::Client, &quiet());
    for len in [0, 1, 125, 126, 4095, 4096, 9000] {
        socket.try_send(vec![len as u8; len]).unwrap();
    }
    (transport, socket)
}

#[tokio::test(start_paused = true)]
async fn flush() {
    at_every_poll(async |polls| {
        let (transport, mut socket) = queued();
        polls.again(async || socket.flush().await).await.unwrap();
        frames(&transport)
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn ready() {
    at_every_poll(async |polls| {
        let transport = Transport::stuttering(50);
        let mut socket = transport.connection(Role::Client, &quiet().max_send_buffer(100));
        for i in 0..10 {
            polls.again(async || socket.ready().await).await.unwrap();
            // Whatever was dropped before: now there is room.
            socket.try_send(vec![i; 150]).unwrap();
        }
        polls.again(async || socket.flush().await).await.unwrap();
        frames(&transport)
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn close() {
    at_every_poll(async |polls| {
        let (transport, mut socket) = queued();
        transport.give(frame(FIN | TEXT, false, b"not to be lost"));
        transport.give(frame(FIN | CLOSE, false, &close_payload(1000, "as you wish")));
        transport.end();
        let closed: Closed = polls.again(async || socket.close(CloseCode::NORMAL).await).await;
        let message = polls.again(async || socket.recv().await).await.unwrap();
        assert_eq!(message, Some(Message::from("not to be lost")));
        assert_eq!(polls.again(async || socket.recv().await).await.unwrap(), None);
        assert_eq!(socket.try_send("late"), Err(SendError::Closed(Some("late".into()))));
        (closed.to_string(), frames(&transport).last().cloned())
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn an_accept_that_is_dropped_lets_go_of_the_transport() {
    at_every_poll(async |polls| {
        let transport = Transport::stuttering(9);
        transport.give(suite::peer::request("").into());
        match polls.cut(WebSocket::accept(transport.clone())).await {
            Some(accepted) => assert_eq!(accepted.unwrap().1.target(), "/chat?room=1"),
            None => assert!(transport.is_dropped()),
        }
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_connect_that_is_dropped_lets_go_of_the_transport() {
    at_every_poll(async |polls| {
        let (client, server) = tokio::io::duplex(16);
        let options = ConnectOptions::new("ws://in.memory/");
        let connect = async {
            let connected = polls.cut(WebSocket::connect_over(client, options)).await;
            connected.map(Result::unwrap)
        };
        let accept = async {
            let Ok((mut server, _)) = WebSocket::accept(server).await else { return };
            let _ = server.recv().await;
        };
        // The server's side ends when the client's has been dropped, and not before.
        let dropping = async { drop(connect.await) };
        tokio::join!(dropping, accept);
    })
    .await;
}

/// Without the masking keys, which may come in another order.
fn frames(transport: &Transport) -> Vec<Frame> {
    let frames = transport.frames().into_iter();
    frames.map(|frame| Frame { key: None, ..frame }).collect()
}
