//! `Stream` and `Sink`, as the ecosystem uses them.

use std::future::poll_fn;

use futures_util::{FutureExt, SinkExt, StreamExt, TryStreamExt, stream};
use suite::wire::{FIN, PING, frame};
use tokio::io::{DuplexStream, duplex};
use ws_core::Role;
use ws_tokio::{Config, ConnectOptions, Error, Event, Message, SendError, WebSocket, WebSocketError};

use crate::transport::Transport;

async fn pair() -> (WebSocket<DuplexStream>, WebSocket<DuplexStream>) {
    let (client, server) = duplex(256);
    let options = ConnectOptions::new("ws://in.memory/");
    let (client, server) = tokio::join!(WebSocket::connect_over(client, options), WebSocket::accept(server));
    (client.unwrap().0, server.unwrap().0)
}

fn numbered() -> impl Iterator<Item = Message> {
    (0..1000).map(|i: u32| Message::from(i.to_string().repeat(i as usize % 50)))
}

#[tokio::test]
async fn forward_sends_everything_and_closes() {
    let (client, server) = pair().await;
    let forward = stream::iter(numbered().map(Ok)).forward(client);
    let (forwarded, received) = tokio::join!(forward, server.try_collect::<Vec<_>>());
    forwarded.unwrap();
    assert!(received.unwrap().into_iter().eq(numbered()));
}

/// The halves may be used by two threads, so that anything can happen in between.
#[tokio::test]
async fn after_a_ready_poll_ready_there_is_room_whatever_the_stream_does_meanwhile() {
    let config = Config::default().max_send_buffer(1);
    let transport = Transport::new();
    for payload in ["ping", "ping"] {
        transport.give(frame(FIN | PING, true, payload.as_bytes()));
    }
    let (mut sender, mut receiver) = transport.connection(Role::Server, &config).split();
    poll_fn(|cx| sender.poll_ready_unpin(cx)).await.unwrap();
    assert!(matches!(receiver.next_event().await, Ok(Some(Event::Ping(_)))), "its pong waits");
    sender.start_send_unpin("promised".into()).unwrap();
    assert!(matches!(
        sender.start_send_unpin("more".into()),
        Err(WebSocketError::Send(SendError::Full { .. }))
    ));
    SinkExt::flush(&mut sender).await.unwrap();

    poll_fn(|cx| sender.poll_ready_unpin(cx)).await.unwrap();
    assert!(matches!(receiver.next_event().await, Ok(Some(Event::Ping(_)))), "its pong waits");
    poll_fn(|cx| sender.poll_ready_unpin(cx)).now_or_never().unwrap().unwrap();
    sender.start_send_unpin("promised".into()).unwrap();
}

#[tokio::test]
async fn an_echo_by_forwarding_a_connection_into_itself() {
    let (mut client, server) = pair().await;
    let (sink, stream) = StreamExt::split(server);
    let echo = tokio::spawn(stream.forward(sink));
    for message in numbered().take(100) {
        client.send(message.clone()).await.unwrap();
        assert_eq!(client.recv().await.unwrap(), Some(message));
    }
    assert!(client.close(ws_tokio::CloseCode::NORMAL).await.clean);
    echo.await.unwrap().unwrap();
}

#[tokio::test]
async fn the_split_of_futures_util_and_our_halves_work_in_two_tasks() {
    let (client, server) = pair().await;
    let (mut sink, stream) = StreamExt::split(client);
    let (mut sender, receiver) = server.split();
    let sending = tokio::spawn(async move {
        let mut messages = stream::iter(numbered().map(Ok));
        sink.send_all(&mut messages).await.unwrap();
        sink.close().await.unwrap();
    });
    let answering = tokio::spawn(async move {
        for message in numbered() {
            SinkExt::send(&mut sender, message).await.unwrap();
        }
    });
    let (there, back) = tokio::join!(receiver.try_collect::<Vec<_>>(), stream.try_collect::<Vec<_>>());
    assert!(there.unwrap().into_iter().eq(numbered()));
    // Those that came before our side had closed.
    let back = back.unwrap();
    assert!(back.iter().cloned().eq(numbered().take(back.len())));
    sending.await.unwrap();
    let _ = answering.await;
}

#[tokio::test(start_paused = true)]
async fn after_a_ready_poll_ready_there_is_room() {
    let transport = Transport::stuttering(10);
    let mut socket = transport.connection(Role::Client, &Config::default().max_send_buffer(50));
    for i in 0..200 {
        poll_fn(|cx| socket.poll_ready_unpin(cx)).await.unwrap();
        socket.start_send_unpin(Message::from(vec![i; usize::from(i)])).unwrap();
    }
    SinkExt::flush(&mut socket).await.unwrap();
    assert_eq!(transport.frames().len(), 200);
}

#[tokio::test]
async fn the_stream_ends_after_its_error() {
    let (client, mut server) = pair().await;
    server.send("last").await.unwrap();
    drop(server);
    let mut client = client;
    let last = StreamExt::next(&mut client).await.unwrap().unwrap();
    assert_eq!(last, Message::from("last"));
    let error = StreamExt::next(&mut client).await.unwrap().unwrap_err();
    assert!(matches!(error, WebSocketError::Connection(Error::UnexpectedEof)), "{error}");
    assert!(StreamExt::next(&mut client).await.is_none());
    assert!(StreamExt::next(&mut client).await.is_none());
}
