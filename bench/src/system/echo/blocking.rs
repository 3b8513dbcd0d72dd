//! The same without a runtime: a thread for each end.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Instant;

use tungstenite::Message;
use ws_blocking::WebSocket;
use ws_core::Config;

use super::{ROOM, Spec, answer, count, due, two_ends};
use crate::contender::{self, tungstenite::role_of};
use crate::scenario::Role;
use crate::system::measure::{Clock, Passed, frame, payload};

/// Calls `batch` for each batch, and measures those after the first.
fn measured(spec: Spec, mut batch: impl FnMut()) -> Passed {
    (0..spec.warm_up()).for_each(|_| batch());
    let clock = Clock::start();
    (0..spec.batches).for_each(|_| batch());
    clock.stop()
}

pub fn raw(spec: Spec) -> Passed {
    let serve = move |mut stream: TcpStream| {
        let mut buffer = vec![0; ROOM];
        let (mut came, mut went) = (0, 0);
        while let Ok(n @ 1..) = stream.read(&mut buffer) {
            came += n;
            let answer = due(came, spec) - went;
            went += answer;
            if stream.write_all(&buffer[..answer]).is_err() {
                break;
            }
        }
    };
    two_ends(serve, |mut stream| {
        let request = frame(spec.size, Role::Server).repeat(spec.under_way);
        let answer_len = due(request.len(), spec);
        let mut buffer = vec![0; ROOM];
        measured(spec, || {
            stream.write_all(&request).expect("the server takes it");
            let mut came = 0;
            while came < answer_len {
                came += stream.read(&mut buffer).expect("an echo");
            }
        })
    })
}

fn open(role: Role, stream: TcpStream) -> WebSocket<TcpStream> {
    let config = Config::default().ping_interval(None);
    WebSocket::from_connection(stream, contender::ours::connection(role), &config, Instant::now())
}

pub fn ours(spec: Spec) -> Passed {
    let serve = |stream| {
        let mut socket = open(Role::Server, stream);
        while let Ok(Some(message)) = socket.recv() {
            socket.feed(message).expect("queued");
        }
    };
    two_ends(serve, |stream| {
        let mut socket = open(Role::Client, stream);
        let payload = payload(spec.size);
        measured(spec, || {
            (0..spec.under_way).for_each(|_| socket.feed(payload.clone()).expect("queued"));
            socket.flush().expect("flushed");
            for _ in 0..spec.under_way {
                let message = socket.recv().expect("no violation").expect("an echo");
                assert_eq!(message.into_bytes().len(), spec.size);
            }
        })
    })
}

/// With messages borrowed out of the read buffer on both sides.
pub fn ours_borrowed(spec: Spec) -> Passed {
    let serve = |stream| {
        // The client ends it without a word.
        let _ = open(Role::Server, stream).for_each_borrowed(answer);
    };
    two_ends(serve, |stream| {
        let mut socket = open(Role::Client, stream);
        let payload = payload(spec.size);
        measured(spec, || {
            (0..spec.under_way).for_each(|_| socket.feed(payload.clone()).expect("queued"));
            let mut due = spec.under_way;
            socket.for_each_borrowed(|message, _| count(message, &mut due, spec)).expect("echoes");
        })
    })
}

/// It cannot be asked whether reading would have to wait, so it flushes where the batch is known to end.
pub fn tungstenite(spec: Spec) -> Passed {
    let serve = move |stream| {
        let mut socket = tungstenite::WebSocket::from_raw_socket(stream, role_of(Role::Server), None);
        let mut received = 0;
        while let Ok(message) = socket.read() {
            socket.write(message).expect("queued");
            received += 1;
            if received % spec.under_way == 0 {
                socket.flush().expect("flushed");
            }
        }
    };
    two_ends(serve, |stream| {
        let mut socket = tungstenite::WebSocket::from_raw_socket(stream, role_of(Role::Client), None);
        let payload = payload(spec.size);
        measured(spec, || {
            let message = || Message::Binary(payload.clone());
            (0..spec.under_way).for_each(|_| socket.write(message()).expect("queued"));
            socket.flush().expect("flushed");
            for _ in 0..spec.under_way {
                assert_eq!(socket.read().expect("an echo").len(), spec.size);
            }
        })
    })
}
