//! What goes out (RFC 6455 §5.2 and §5.3): lengths, keys, fragments, and whose turn it is.

use ws_core::bytes::{Buf, Bytes};
use ws_core::{Connection, Event, Machine, Message, MessageRef, PingError, Role};

use crate::support::*;

/// Lengths around every border: of the forms of a length, and of what is copied.
const LENGTHS: [usize; 11] = [0, 1, 125, 126, 511, 4095, 4096, 65535, 65536, 65537, 1 << 20];

fn payload(len: usize) -> Vec<u8> {
    (0..len).map(|i| i as u8).collect()
}

#[test]
fn a_message_is_one_frame_of_minimal_length_owned_or_borrowed() {
    for role in ROLES {
        for len in LENGTHS {
            let payload = payload(len);
            for borrowed in [false, true] {
                let mut connection = open(role, &quiet());
                if borrowed {
                    connection.send_ref(MessageRef::Binary(&payload)).unwrap();
                } else {
                    connection.send(payload.clone()).unwrap();
                }
                let waiting = connection.outbound().len();
                let sent = write(&mut connection, at(0));
                assert_eq!(sent.len(), waiting);
                assert_eq!(sent.len(), header(role, BINARY, len as u64).len() + len);
                assert!(frames(role, &sent) == [(BINARY, payload.clone())], "{role:?}, {len} bytes");
            }
        }
    }
}

#[test]
fn a_frame_has_at_most_max_frame_size_bytes_of_payload() {
    for role in ROLES {
        for (len, size) in
            [(0, 1), (1, 1), (9, 1), (10, 5), (11, 5), (10_000, 4096), (8192, 4096), (5000, 5000)]
        {
            let mut connection = open(role, &quiet().max_frame_size(size));
            connection.send(payload(len)).unwrap();
            let sent = frames(role, &write(&mut connection, at(0)));
            assert_eq!(sent.len(), len.div_ceil(size).max(1));
            let firsts = sent.iter().enumerate().map(|(n, (first, _))| (n, *first));
            for (n, first) in firsts {
                let opcode = if n == 0 { FIRST_BINARY } else { CONTINUATION };
                assert_eq!(first, opcode | if n + 1 == sent.len() { LAST } else { 0 });
            }
            assert!(sent.iter().all(|(_, chunk)| chunk.len() <= size));
            assert_eq!(sent.into_iter().flat_map(|(_, payload)| payload).collect::<Vec<_>>(), payload(len));
        }
    }
}

#[test]
fn every_frame_of_a_client_has_a_key_of_its_own() {
    let mut connection = open(Role::Client, &quiet().max_frame_size(10));
    let mut keys = Vec::new();
    for _ in 0..1000 {
        connection.send(vec![0; 20]).unwrap();
        connection.ping(vec![0; 10]).unwrap();
        let sent = write(&mut connection, at(0));
        for frame in sent.chunks(16) {
            let [key, rest @ ..] = &frame[2..].as_chunks::<4>().0 else { panic!("no key") };
            assert!(rest.iter().all(|bytes| bytes == key), "zeros show the key");
            keys.push(*key);
        }
    }
    keys.sort_unstable();
    keys.dedup();
    assert!(keys.len() >= 2999, "{} keys of 3000 frames", keys.len());
}

#[test]
fn a_server_queues_a_large_payload_as_it_is() {
    let mut connection = open(Role::Server, &quiet());
    let payload = Bytes::from(payload(100_000));
    connection.send("before").unwrap();
    connection.send(payload.clone()).unwrap();
    connection.send("after").unwrap();
    #[cfg(feature = "std")]
    {
        let mut slices = [std::io::IoSlice::new(&[]); 4];
        let outbound = connection.outbound();
        assert_eq!(outbound.chunks_vectored(&mut slices), 3);
        assert_eq!(slices[1].as_ptr(), payload.as_ptr());
    }
    let taken = connection.outbound().take_out(usize::MAX);
    assert_eq!(taken[1].as_ptr(), payload.as_ptr());
    let sent: Vec<u8> = taken.into_iter().flatten().collect();
    let sent = frames(Role::Server, &sent);
    let expected = [(TEXT, b"before".to_vec()), (BINARY, payload.to_vec()), (TEXT, b"after".to_vec())];
    assert!(sent == expected);
}

#[test]
fn a_ping_is_answered_before_what_is_sent_after_it_and_behind_what_waits() {
    for role in ROLES {
        let mut connection = open(role, &quiet());
        connection.send("before").unwrap();
        let seen = read(&mut connection, &frame(role.peer(), PING, &[7; 125]), at(0));
        assert_eq!(seen, [Seen::Event(Event::Ping(vec![7; 125].into()))]);
        connection.send("after").unwrap();
        let sent = frames(role, &write(&mut connection, at(0)));
        assert_eq!(sent, [(TEXT, b"before".to_vec()), (PONG, vec![7; 125]), (TEXT, b"after".to_vec())]);
    }
}

#[test]
fn a_ping_has_at_most_125_bytes() {
    let mut connection = open(Role::Client, &quiet());
    assert_eq!(connection.ping(vec![0; 125]), Ok(()));
    assert_eq!(connection.ping(vec![0; 126]), Err(PingError::TooLong(126)));
}

#[test]
fn however_the_bytes_are_taken_they_are_the_same() {
    let all = |take: &dyn Fn(&mut Connection) -> Vec<u8>| {
        let mut connection = open(Role::Client, &quiet());
        for len in [3, 5000, 0, 200, 9000] {
            connection.send(payload(len)).unwrap();
        }
        let mut sent = Vec::new();
        while !connection.outbound().is_empty() {
            let bytes = take(&mut connection);
            connection.handle_write(bytes.len(), at(0));
            sent.extend(bytes);
        }
        sent
    };
    let whole = all(&|connection| {
        let outbound = connection.outbound();
        outbound.copy_to_bytes(outbound.remaining()).to_vec()
    });
    for limit in [1, 7, 100, 4096, 100_000] {
        let taken = all(&|connection| connection.outbound().take_out(limit).into_iter().flatten().collect());
        assert!(taken == whole, "taken out by {limit}");
        let looked_at = all(&|connection| {
            let outbound = connection.outbound();
            let chunk = outbound.chunk();
            chunk[..chunk.len().min(limit)].to_vec()
        });
        assert!(looked_at == whole, "looked at by {limit}");
    }
    let messages: Vec<Message> = [3, 5000, 0, 200, 9000].map(|len| payload(len).into()).into();
    let mut server = open(Role::Server, &quiet());
    assert_eq!(read(&mut server, &whole, at(0)), messages.into_iter().map(message).collect::<Vec<_>>());
}
