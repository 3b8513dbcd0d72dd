//! A flood that yields no event leaves room for the other tasks. The transport is ready at any time and knows
//! no budget, so that nothing but the driver can stop.

use std::future::poll_fn;
use std::ops::ControlFlow;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use suite::wire::{BINARY, CONTINUATION, FIN, PONG, frame};
use ws_core::Role;
use ws_tokio::{CloseCode, Config};

use crate::transport::Transport;

/// Polls a future that never ends, a thousand times. The transport panics if there are too many reads.
async fn yields<F: Future>(future: F, transport: &Transport) {
    let mut future = pin!(future);
    let mut polls = 0;
    poll_fn(|cx| {
        polls += 1;
        assert!(future.as_mut().poll(cx).is_pending(), "it has ended");
        // It must have left a waker that is woken at once.
        if polls == 100 { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    let reads = transport.state().reads;
    assert!(reads >= 100, "only {reads} reads");
}

fn flooded(bytes: Vec<u8>) -> Transport {
    let transport = Transport::new();
    transport.state().endless = bytes;
    transport
}

#[tokio::test(start_paused = true)]
async fn endless_pongs() {
    let pongs = frame(FIN | PONG, false, b"unsolicited").repeat(10);
    let transport = flooded(pongs.clone());
    let mut socket = transport.connection(Role::Client, &Config::default());
    yields(socket.recv(), &transport).await;

    let transport = flooded(pongs.clone());
    let mut socket = transport.connection(Role::Client, &Config::default());
    yields(socket.for_each_borrowed(|_, _| ControlFlow::Continue(())), &transport).await;

    let transport = flooded(pongs.clone());
    let mut socket = transport.connection(Role::Client, &Config::default());
    yields(socket.recv_stream(), &transport).await;

    let transport = flooded(pongs);
    let mut socket = transport.connection(Role::Client, &Config::default());
    yields(socket.close(CloseCode::NORMAL), &transport).await;
}

/// RFC 6455 §7.1.1: the closing handshake ends in time, though the peer sends without end.
#[tokio::test(start_paused = true)]
async fn a_flood_does_not_put_a_deadline_off_for_ever() {
    let pongs = frame(FIN | PONG, false, b"unsolicited").repeat(10);
    let transport = flooded(pongs.clone());
    let config = Config::default().close_timeout(Duration::from_secs(5));
    let mut socket = transport.connection(Role::Client, &config);
    let mut closing = pin!(socket.close(CloseCode::NORMAL));
    let mut seconds = 0;
    while poll_fn(|cx| Poll::Ready(closing.as_mut().poll(cx).is_pending())).await {
        assert!(seconds < 11, "a close that does not end");
        tokio::time::advance(Duration::from_secs(1)).await;
        seconds += 1;
    }

    let transport = flooded(pongs);
    let config = Config::default().ping_interval(Duration::from_secs(5));
    let mut socket = transport.connection(Role::Client, &config);
    let mut receiving = pin!(socket.recv());
    for _ in 0..12 {
        assert!(poll_fn(|cx| Poll::Ready(receiving.as_mut().poll(cx).is_pending())).await);
        tokio::time::advance(Duration::from_secs(1)).await;
    }
    assert!(!transport.state().output.is_empty(), "no ping was sent");
}

#[tokio::test(start_paused = true)]
async fn an_endless_message() {
    let transport = flooded(frame(CONTINUATION, false, b"x").repeat(10));
    transport.give(frame(BINARY, false, b""));
    let config = Config::default().max_message_size(usize::MAX).max_fragments(u32::MAX);
    let mut socket = transport.connection(Role::Client, &config);
    yields(socket.next_event(), &transport).await;
}

#[tokio::test(start_paused = true)]
async fn the_rest_of_a_message_whose_reader_was_dropped() {
    let transport = flooded(frame(CONTINUATION, false, b"x").repeat(10));
    transport.give(frame(BINARY, false, b"begin"));
    let mut socket = transport.connection(Role::Client, &Config::default());
    let reader = socket.recv_stream().await.unwrap();
    drop(reader);
    yields(socket.recv(), &transport).await;
}

#[tokio::test(start_paused = true)]
async fn a_sender_without_a_receiver() {
    let transport = flooded(frame(FIN | BINARY, false, b"unwanted").repeat(10));
    let socket = transport.connection(Role::Client, &Config::default());
    let (mut sender, receiver) = socket.split();
    drop(receiver);
    yields(sender.close(CloseCode::NORMAL), &transport).await;
}
