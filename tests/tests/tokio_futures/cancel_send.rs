//! Contract 9, for what sends: whole or not at all, and never out of order.

use suite::wire::{BINARY, CLOSE, PING};
use ws_core::Role;
use ws_tokio::{Config, MessageKind, WebSocket};

use crate::polls::{Polls, at_every_poll};
use crate::transport::Transport;

const MESSAGES: u8 = 12;

fn connection() -> (Transport, WebSocket<Transport>) {
    let transport = Transport::stuttering(40);
    let socket =
        transport.connection(Role::Client, &Config::default().ping_interval(None).max_send_buffer(100));
    (transport, socket)
}

/// Sends numbered messages; one that is dropped may be missing, and no other.
async fn numbered(
    polls: &mut Polls,
    opcode: u8,
    mut send: impl AsyncFnMut(&mut Polls, &mut WebSocket<Transport>, Vec<u8>) -> bool,
) {
    let (transport, mut socket) = connection();
    let mut sent = Vec::new();
    for i in 0..MESSAGES {
        sent.push(send(polls, &mut socket, vec![i; 90]).await);
    }
    socket.flush().await.unwrap();
    let mut arrived = vec![false; sent.len()];
    let mut last = None;
    for frame in transport.frames() {
        assert_eq!((frame.fin, frame.opcode), (true, opcode));
        let number = frame.payload[0];
        assert_eq!(frame.payload, [number; 90], "half of a message");
        assert!(last < Some(number), "{number} comes after {last:?}");
        last = Some(number);
        arrived[usize::from(number)] = true;
    }
    for (number, (sent, arrived)) in sent.iter().zip(arrived).enumerate() {
        assert!(arrived || !sent, "message {number} is lost");
    }
}

#[tokio::test(start_paused = true)]
async fn send() {
    at_every_poll(async |polls| {
        numbered(polls, BINARY, async |polls, socket, message| {
            polls.cut(socket.send(message)).await.map(Result::unwrap).is_some()
        })
        .await;
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn feed() {
    at_every_poll(async |polls| {
        numbered(polls, BINARY, async |polls, socket, message| {
            polls.cut(socket.feed(message)).await.map(Result::unwrap).is_some()
        })
        .await;
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn ping() {
    at_every_poll(async |polls| {
        numbered(polls, PING, async |polls, socket, payload| {
            polls.cut(socket.ping(payload)).await.map(Result::unwrap).is_some()
        })
        .await;
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_part_of_a_streamed_message() {
    at_every_poll(async |polls| {
        let (transport, mut socket) = connection();
        let mut writer = socket.send_stream(MessageKind::Binary).unwrap();
        let mut sent = Vec::new();
        for i in 0..MESSAGES {
            let fragment = polls.cut(writer.write(vec![i; 90])).await;
            sent.push(fragment.map(Result::unwrap).is_some());
        }
        writer.finish().await.unwrap();
        let frames = transport.frames();
        assert!(frames.iter().rev().skip(1).all(|frame| !frame.fin) && frames.last().unwrap().fin);
        let numbers: Vec<u8> = frames.iter().filter_map(|frame| frame.payload.first().copied()).collect();
        assert!(numbers.is_sorted_by(|a, b| a < b), "{numbers:?}");
        assert!(frames.iter().all(|frame| matches!(frame.payload.len(), 0 | 90)));
        for (number, sent) in sent.iter().enumerate() {
            assert!(!sent || numbers.contains(&(number as u8)), "fragment {number} is lost: {numbers:?}");
        }
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn the_end_of_a_streamed_message() {
    at_every_poll(async |polls| {
        let (transport, mut socket) = connection();
        let mut writer = socket.send_stream(MessageKind::Binary).unwrap();
        for i in 0..5 {
            writer.write(vec![i; 200]).await.unwrap();
        }
        let finished = polls.cut(writer.finish()).await.map(Result::unwrap).is_some();
        let _ = socket.flush().await;
        let frames = transport.frames();
        let is_whole = frames.iter().any(|frame| frame.fin && frame.opcode != CLOSE);
        let is_aborted = frames.iter().any(|frame| frame.opcode == CLOSE && frame.close().0 == 1011);
        assert!(is_whole || !finished);
        assert!(is_whole != is_aborted, "either the whole message, or 1011: {frames:?}");
        // Enough polls to be worth it.
        for _ in 0..20 {
            let _ = polls.cut(std::future::ready(())).await;
        }
    })
    .await;
}
