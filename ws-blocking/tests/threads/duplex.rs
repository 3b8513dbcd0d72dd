//! Receiving in one thread and sending in others.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Instant;

use ws_blocking::{CloseCode, Error, Event, Message, MessageKind, MessageRef, SendError, WebSocket};

use crate::support::{bounded, pair, quiet, with_raw_client};

fn echo(mut socket: WebSocket) -> thread::JoinHandle<WebSocket> {
    thread::spawn(move || {
        while let Some(message) = socket.recv().unwrap() {
            socket.send(message).unwrap();
        }
        socket
    })
}

#[test]
fn several_threads_send_while_one_receives_and_each_keeps_its_order() {
    bounded(|| {
        const SENDERS: usize = 4;
        const COUNT: usize = 2000;
        let (client, server) = pair(&quiet());
        let server = echo(server);
        let (mut sender, mut receiver) = client.split();
        let start = Instant::now();
        let sending: Vec<_> = (0..SENDERS)
            .map(|which| {
                let mut sender = sender.clone();
                thread::spawn(move || {
                    for n in 0..COUNT {
                        sender.send(format!("{which} {n}")).unwrap();
                    }
                })
            })
            .collect();
        let mut next = HashMap::new();
        for _ in 0..SENDERS * COUNT {
            let message = receiver.recv().unwrap().unwrap();
            let (which, n) = message.as_text().unwrap().split_once(' ').unwrap();
            let next = next.entry(which.to_owned()).or_insert(0);
            assert_eq!(n.parse(), Ok(*next));
            *next += 1;
        }
        println!("{} echoes in {:?}", SENDERS * COUNT, start.elapsed());
        sending.into_iter().for_each(|thread| thread.join().unwrap());
        let closed = sender.close(CloseCode::NORMAL);
        assert!(closed.clean && closed.code == 1000, "{closed}");
        assert!(server.join().unwrap().closed().unwrap().clean);
    });
}

#[test]
fn both_directions_at_once_at_full_speed() {
    bounded(|| {
        const COUNT: usize = 1000;
        let (client, server) = pair(&quiet());
        let start = Instant::now();
        let threads = [client, server].map(|end| {
            let (mut sender, mut receiver) = end.split();
            let sending = thread::spawn(move || {
                let message = Message::binary(vec![1; 64 << 10]);
                (0..COUNT).for_each(|_| sender.send(message.clone()).unwrap());
                sender
            });
            let receiving = thread::spawn(move || {
                (0..COUNT).for_each(|_| assert_eq!(receiver.recv().unwrap().unwrap().len(), 64 << 10));
                receiver
            });
            (sending, receiving)
        });
        let ends = threads.map(|(sending, receiving)| (sending.join().unwrap(), receiving.join().unwrap()));
        println!("2 * 62.5 MiB in {:?}", start.elapsed());
        drop(ends);
    });
}

#[test]
fn a_flush_does_not_wait_for_what_others_queue_meanwhile() {
    bounded(|| {
        let (client, mut server) = pair(&quiet());
        let (mut sender, _receiver) = client.split();
        let is_done = Arc::new(AtomicBool::new(false));
        let mut other = sender.clone();
        let until = is_done.clone();
        let feeding = thread::spawn(move || {
            while !until.load(Ordering::Relaxed) {
                other.feed(vec![1; 1000]).unwrap();
            }
        });
        let receiving = thread::spawn(move || while let Ok(Some(_)) = server.recv() {});
        for _ in 0..100 {
            sender.send("one of ours").unwrap();
        }
        is_done.store(true, Ordering::Relaxed);
        feeding.join().unwrap();
        assert!(sender.close(CloseCode::NORMAL).clean);
        receiving.join().unwrap();
    });
}

#[test]
fn without_a_receiver_what_comes_is_dropped_and_the_connection_lives_on() {
    bounded(|| {
        let (mut client, server) = pair(&quiet().max_read_ahead(1000));
        let (mut sender, receiver) = server.split();
        drop(receiver);
        let flooding = thread::spawn(move || {
            for _ in 0..100 {
                client.send(vec![0; 256 << 10]).unwrap();
                client.ping("p").unwrap();
            }
            while !matches!(client.next_event().unwrap(), Some(Event::Closing(_))) {}
            client.recv().unwrap();
            client.closed().unwrap()
        });
        // Somebody must wait: what comes is read only meanwhile.
        while sender.send(vec![0; 1000]).is_ok() && !flooding.is_finished() {
            if sender.try_send("still there").is_err() {
                break;
            }
            sender.start_close(CloseCode::NORMAL);
        }
        let closed = sender.close(CloseCode::NORMAL);
        assert!(closed.clean && closed.code == 1000, "{closed}");
        assert!(flooding.join().unwrap().clean);
    });
}

#[test]
fn without_a_sender_messages_still_come_and_pings_are_answered() {
    bounded(|| {
        let (client, mut server) = pair(&quiet());
        let (sender, mut receiver) = client.split();
        drop(sender);
        let receiving = thread::spawn(move || {
            let messages: Vec<_> = (&mut receiver).into_iter().map(|message| message.unwrap()).collect();
            (messages, receiver.closed().unwrap())
        });
        server.send("one").unwrap();
        server.ping("p").unwrap();
        assert!(matches!(server.next_event().unwrap(), Some(Event::Pong { .. })));
        server.send("two").unwrap();
        assert!(server.close(CloseCode::GOING_AWAY).clean);
        let (messages, closed) = receiving.join().unwrap();
        assert_eq!(messages, [Message::from("one"), Message::from("two")]);
        assert_eq!((closed.code, closed.clean), (1001, true));
    });
}

#[test]
fn dropping_the_last_handle_closes_the_socket_at_once() {
    bounded(|| {
        let (client, mut server) = pair(&quiet());
        let (sender, receiver) = client.split();
        drop(receiver);
        drop(sender.clone());
        drop(sender);
        assert!(matches!(server.recv(), Err(Error::UnexpectedEof)));
        assert_eq!(server.recv().unwrap(), None);
        assert_eq!(server.closed().unwrap().code, 1006);
        assert!(matches!(server.send("late"), Err(SendError::Closed(Some(_)))));
    });
}

#[test]
fn a_close_in_one_thread_ends_the_receiving_of_another() {
    bounded(|| {
        let (client, server) = pair(&quiet());
        let server = echo(server);
        let (mut sender, mut receiver) = client.split();
        let receiving = thread::spawn(move || {
            let messages: Vec<_> = (&mut receiver).into_iter().map(|message| message.unwrap()).collect();
            (messages, receiver.closed().unwrap())
        });
        sender.send("last").unwrap();
        let closed = sender.close(CloseCode::NORMAL);
        let (messages, received) = receiving.join().unwrap();
        assert_eq!(messages, [Message::from("last")]);
        assert_eq!(closed, received);
        assert!(closed.clean);
        server.join().unwrap();
    });
}

#[test]
fn messages_in_parts_both_ways_and_a_dropped_writer_closes_with_1011() {
    bounded(|| {
        let (mut client, mut server) = pair(&quiet().max_message_size(1000));
        let receiving = thread::spawn(move || {
            let mut reader = server.recv_stream().unwrap().unwrap();
            assert_eq!(reader.kind(), MessageKind::Binary);
            let mut size = 0;
            while let Some(chunk) = reader.next_chunk().unwrap() {
                size += chunk.len();
            }
            drop(server.recv_stream().unwrap().unwrap());
            assert_eq!(server.recv().unwrap(), None);
            (size, server.closed().unwrap().code)
        });
        let mut writer = client.send_stream(MessageKind::Binary).unwrap();
        for _ in 0..100 {
            writer.write([0; 64 << 10]).unwrap();
        }
        writer.finish().unwrap();
        let mut writer = client.send_stream(MessageKind::Text).unwrap();
        writer.write("cut").unwrap();
        drop(writer);
        assert_eq!(client.recv().unwrap(), None);
        assert_eq!(receiving.join().unwrap(), (100 * (64 << 10), 1011));
    });
}

#[test]
fn a_visitor_answers_messages_where_they_lie() {
    bounded(|| {
        let (mut client, mut server) = pair(&quiet());
        let visiting = thread::spawn(move || {
            let answer = |message: MessageRef<'_>, reply: &mut ws_blocking::Responder<'_>| {
                reply.send(message).unwrap();
                std::ops::ControlFlow::Continue(())
            };
            server.for_each_borrowed(answer).unwrap();
            server.closed().unwrap()
        });
        for n in 0..1000 {
            client.feed(format!("{n}")).unwrap();
        }
        for n in 0..1000 {
            assert_eq!(client.recv().unwrap().unwrap().as_text(), Some(&*format!("{n}")));
        }
        assert!(client.close(CloseCode::NORMAL).clean);
        assert!(visiting.join().unwrap().clean);
    });
}

#[test]
fn the_close_frame_for_a_violation_has_left_when_the_error_comes() {
    bounded(|| {
        let (mut server, mut raw) = with_raw_client(&quiet());
        raw.write_all(b"\x83\x80\0\0\0\0").unwrap();
        assert!(matches!(server.next_event(), Err(Error::Violation(_))));
        drop(server);
        let mut close = [0; 4];
        raw.read_exact(&mut close).unwrap();
        assert_eq!(&close, b"\x88\x02\x03\xea");
    });
}

#[test]
fn pings_are_answered_while_nobody_sends() {
    bounded(|| {
        let (mut server, mut raw) = with_raw_client(&quiet());
        let receiving = thread::spawn(move || server.recv());
        for _ in 0..10 {
            raw.write_all(&crate::support::frame(0x89, b"p")).unwrap();
            let mut pong = [0; 3];
            raw.read_exact(&mut pong).unwrap();
            assert_eq!(&pong, b"\x8a\x01p");
        }
        drop(raw);
        assert!(receiving.join().unwrap().is_err());
    });
}
