//! Messages that are never whole in memory.

use std::ops::ControlFlow;
use std::thread;

use ws_core::{CloseCode, Error, MessageKind, StreamError, ViolationKind};

use crate::adapter::{Adapter, End, Receiving, Sending, Socket};
use crate::ends::{client, pair, quiet};
use crate::watch::{alone, proc_status};
use crate::wire::{BINARY, CONTINUATION, FIN, TEXT};

pub fn a_message_of_64_mib_passes_in_chunks_with_flat_memory<A: Adapter>() {
    const FRAGMENT: usize = 128 * 1024;
    const FRAGMENTS: usize = 512;
    alone(|| {
        let (mut client, mut server) = pair::<A>(quiet());
        let before = proc_status("self", "VmHWM:");
        thread::scope(|scope| {
            scope.spawn(move || {
                let fragments = (0..FRAGMENTS).map(|i| vec![i as u8; FRAGMENT]);
                client.send_fragments(MessageKind::Binary, fragments, End::Finished).unwrap();
                client.send("the next one").unwrap();
                assert_eq!(client.recv().unwrap(), None);
            });
            let mut received = 0;
            let any = server.recv_chunks(|kind, chunk| {
                assert_eq!(kind, MessageKind::Binary);
                for byte in chunk.chunks(FRAGMENT) {
                    // The first byte of what may be the end of one fragment and the beginning of the next.
                    assert_eq!(byte[0], (received / FRAGMENT) as u8);
                }
                received += chunk.len();
                ControlFlow::Continue(())
            });
            assert!(any.unwrap());
            assert_eq!(received, FRAGMENT * FRAGMENTS);
            assert_eq!(server.recv().unwrap(), Some("the next one".into()));
            assert!(server.close(CloseCode::NORMAL).clean);
        });
        let grown = proc_status("self", "VmHWM:") - before;
        println!("{grown} KiB more for a streamed message of 64 MiB, at both ends");
        assert!(grown < 12 * 1024, "{grown} KiB");
    });
}

pub fn a_writer_that_is_dropped_closes_with_1011<A: Adapter>() {
    let (mut socket, mut peer) = client::<A>(quiet());
    thread::scope(|scope| {
        scope.spawn(move || {
            let before = peer.answer_close();
            assert_eq!(before.len(), 1, "{before:?}");
            let [frame] = &before[..] else { panic!("{before:?}") };
            assert_eq!((frame.fin, frame.opcode, &*frame.payload), (false, TEXT, &b"half"[..]));
        });
        socket.send_fragments(MessageKind::Text, [b"half".to_vec()], End::Dropped).unwrap();
        assert_eq!(socket.recv().unwrap(), None);
        assert_eq!(socket.closed().unwrap().code, 1011);
    });
}

pub fn a_reader_that_is_dropped_passes_the_rest_over<A: Adapter>() {
    let (mut socket, mut peer) = client::<A>(quiet());
    thread::scope(|scope| {
        scope.spawn(move || {
            for _ in 0..2 {
                peer.frame(BINARY, vec![1; 300_000]);
                peer.frame(CONTINUATION, vec![2; 300_000]);
                peer.frame(FIN | CONTINUATION, vec![3; 300_000]);
                peer.text("whole");
            }
        });
        let mut first = || socket.recv_chunks(|_, _| ControlFlow::Break(())).unwrap();
        assert!(first());
        assert_eq!(socket.recv().unwrap(), Some("whole".into()));
        let mut first = || socket.recv_chunks(|_, _| ControlFlow::Break(())).unwrap();
        assert!(first());
        let mut text = Vec::new();
        let any = socket.recv_chunks(|kind, chunk| {
            assert_eq!(kind, MessageKind::Text);
            text.extend_from_slice(chunk);
            ControlFlow::Continue(())
        });
        assert!(any.unwrap());
        assert_eq!(text, b"whole");
    });
}

pub fn a_message_that_is_cut_off_does_not_look_whole_to_its_reader<A: Adapter>() {
    let (mut client, mut server) = pair::<A>(quiet());
    thread::scope(|scope| {
        scope.spawn(move || {
            client.send_fragments(MessageKind::Text, [b"half".to_vec()], End::Dropped).unwrap();
            assert_eq!(client.recv().unwrap(), None);
        });
        let mut text = Vec::new();
        let result = server.recv_chunks(|_, chunk| {
            text.extend_from_slice(chunk);
            ControlFlow::Continue(())
        });
        assert!(matches!(result, Err(Error::Unfinished)), "{result:?}");
        assert_eq!(text, b"half");
        assert_eq!(server.recv().unwrap(), None);
        assert_eq!(server.closed().unwrap().code, 1011);
    });
}

pub fn text_may_be_cut_within_a_character<A: Adapter>() {
    let text = "ein Stück weiter: 你好";
    let (mut client, mut server) = pair::<A>(quiet());
    thread::scope(|scope| {
        scope.spawn(move || {
            let bytes = text.bytes().map(|byte| vec![byte]);
            client.send_fragments(MessageKind::Text, bytes, End::Finished).unwrap();
            client
                .send_fragments(MessageKind::Text, text.bytes().map(|byte| vec![byte]), End::Finished)
                .unwrap();
        });
        assert_eq!(server.recv().unwrap(), Some(text.into()));
        let mut chunks = Vec::new();
        server
            .recv_chunks(|_, chunk| {
                chunks.extend_from_slice(chunk);
                ControlFlow::Continue(())
            })
            .unwrap();
        assert_eq!(chunks, text.as_bytes());
    });
}

pub fn a_text_that_ends_within_a_character_is_not_finished<A: Adapter>() {
    let (mut socket, mut peer) = client::<A>(quiet());
    thread::scope(|scope| {
        scope.spawn(move || {
            let before = peer.answer_close();
            assert!(before.iter().all(|frame| !frame.fin), "{before:?}");
        });
        let error = socket.send_fragments(MessageKind::Text, ["ü".as_bytes()[..1].to_vec()], End::Finished);
        assert_eq!(error, Err(StreamError::InvalidUtf8));
        assert_eq!(socket.recv().unwrap(), None);
        assert_eq!(socket.closed().unwrap().code, 1011);
    });
}

pub fn a_received_text_that_ends_within_a_character_is_1007<A: Adapter>() {
    let (mut socket, mut peer) = client::<A>(quiet());
    thread::scope(|scope| {
        scope.spawn(move || {
            peer.frame(TEXT, b"\xE4\xBD");
            peer.frame(CONTINUATION, b"\xA0");
            peer.frame(FIN | CONTINUATION, b"\xE5");
            assert_eq!(peer.receive_close().0, 1007);
            peer.end();
        });
        let mut chunks = Vec::new();
        let result = socket.recv_chunks(|_, chunk| {
            chunks.extend_from_slice(chunk);
            ControlFlow::Continue(())
        });
        match result {
            Err(Error::Violation(violation)) => assert_eq!(violation.kind, ViolationKind::InvalidUtf8),
            other => panic!("{other:?}"),
        }
        assert!("你".as_bytes().starts_with(&chunks), "{chunks:?}");
        assert_eq!(socket.recv().unwrap(), None);
        assert_eq!(socket.closed().unwrap().code, 1007);
    });
}

pub fn no_message_comes_between_the_fragments_of_another<A: Adapter>() {
    let (mut client, mut server) = pair::<A>(quiet());
    thread::scope(|scope| {
        scope.spawn(move || {
            for i in 0..100u8 {
                client
                    .send_fragments(MessageKind::Binary, [vec![i], vec![i], vec![i]], End::Finished)
                    .unwrap();
                client.feed(vec![i; 2]).unwrap();
            }
            client.flush().unwrap();
            assert_eq!(client.recv().unwrap(), None);
        });
        for i in 0..100u8 {
            assert_eq!(server.recv().unwrap(), Some(vec![i; 3].into()));
            assert_eq!(server.recv().unwrap(), Some(vec![i; 2].into()));
        }
        assert!(server.close(CloseCode::NORMAL).clean);
    });
}

/// By the traits of the runtime for readers and writers, in both directions.
pub fn a_message_passes_as_bytes<A: Adapter>() {
    let bytes: Vec<u8> = (0..1_000_000_u32).map(|i| i as u8).collect();
    let (mut one, other) = pair::<A>(quiet());
    let (mut sender, mut receiver) = other.split();
    thread::scope(|scope| {
        scope.spawn(|| {
            one.write_bytes(&bytes).unwrap();
            assert_eq!(one.read_bytes().unwrap(), bytes);
            one.send("half").unwrap();
        });
        assert_eq!(receiver.read_bytes().unwrap(), bytes);
        sender.write_bytes(&bytes).unwrap();
        assert_eq!(receiver.recv().unwrap(), Some("half".into()));
    });
    let (mut socket, mut peer) = client::<A>(quiet());
    peer.frame(BINARY, "half of it");
    peer.close(1000, "");
    peer.end();
    assert_eq!(socket.read_bytes().unwrap_err().kind(), std::io::ErrorKind::UnexpectedEof);
}
