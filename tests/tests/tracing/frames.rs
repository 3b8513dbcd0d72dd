//! One event for each frame, whichever way it goes.

use std::ops::ControlFlow;
use std::time::Duration;

use ws_core::bytes::{Buf, BytesMut};
use ws_core::{
    CloseCode, Config, Connection, DataPoll, Instant, Machine, MessageKind, MessageRef, Random, Role,
};

use crate::record::lines_of;

fn connection(role: Role, config: &Config) -> Connection {
    Connection::after_handshake(role, config, Random::from_seed([1; 32]), BytesMut::new(), Instant::EPOCH)
}

/// All that `from` has to say goes to `to`, which looks at it by `take`.
fn pass(from: &mut Connection, to: &mut Connection, mut take: impl FnMut(&mut Connection)) {
    while from.outbound().has_remaining() {
        let n = from.outbound().chunk().len();
        to.inbound().extend_from_slice(from.outbound().chunk());
        from.handle_write(n, Instant::EPOCH);
        to.handle_read(n, Instant::EPOCH);
        take(to);
    }
}

fn take_events(connection: &mut Connection) {
    while let Ok(Some(_)) = connection.poll_event() {}
}

fn take_data(connection: &mut Connection) {
    while let Ok(DataPoll::Message(_)) = connection.poll_data() {}
}

fn for_each_borrowed(connection: &mut Connection) {
    let _ = connection.for_each_borrowed(|_, _| ControlFlow::Continue(()));
}

/// What a client and a server tell of frames that `from` sends, and of those that answer them.
fn told(from: Role, sent: &[&str], answers: &[&str]) -> Vec<String> {
    let mut lines = Vec::new();
    for (from, headers) in [(from, sent), (from.peer(), answers)] {
        for (what, role) in [("sending", from), ("received", from.peer())] {
            lines.extend(headers.iter().map(|header| format!("trace: {what} frame role={role:?} {header}")));
        }
    }
    lines
}

#[test]
fn a_frame_is_told_when_it_is_sent_and_when_it_is_received() {
    let config = Config::default().max_frame_size(70_000);
    let takes = [take_events as fn(&mut Connection), take_data, for_each_borrowed];
    for (role, take) in
        [Role::Client, Role::Server].into_iter().flat_map(|role| takes.map(|take| (role, take)))
    {
        let mut from = connection(role, &config);
        let mut to = connection(role.peer(), &config);
        let mut lines_of_flight = |send: &dyn Fn(&mut Connection)| {
            lines_of(|| {
                send(&mut from);
                pass(&mut from, &mut to, take);
                pass(&mut to, &mut from, take);
            })
            .0
        };

        let lines = lines_of_flight(&|connection| {
            connection.send("a secret").unwrap();
            connection.send("a secret".repeat(50)).unwrap();
            connection.send(vec![0; 16]).unwrap();
            connection.send_ref(MessageRef::Binary(&[0; 16])).unwrap();
            connection.send(vec![0; 5000]).unwrap();
            connection.send(vec![0; 100_000]).unwrap();
        });
        let sent = [
            "opcode=Text fin=true rsv1=false payload_len=8",
            "opcode=Text fin=true rsv1=false payload_len=400",
            "opcode=Binary fin=true rsv1=false payload_len=16",
            "opcode=Binary fin=true rsv1=false payload_len=16",
            "opcode=Binary fin=true rsv1=false payload_len=5000",
            "opcode=Binary fin=false rsv1=false payload_len=70000",
            "opcode=Continuation fin=true rsv1=false payload_len=30000",
        ];
        assert_eq!(lines, told(role, &sent, &[]));

        let lines = lines_of_flight(&|connection| connection.ping(&b"a secret"[..]).unwrap());
        let sent = ["opcode=Ping fin=true rsv1=false payload_len=8"];
        let answers = ["opcode=Pong fin=true rsv1=false payload_len=8"];
        assert_eq!(lines, told(role, &sent, &answers));

        let lines = lines_of_flight(&|connection| connection.close(CloseCode::NORMAL, Instant::EPOCH));
        let sent = ["opcode=Close fin=true rsv1=false payload_len=2"];
        assert_eq!(lines, told(role, &sent, &sent));
    }
}

#[test]
fn frames_of_one_connection_are_told_in_their_order() {
    let (lines, _) = lines_of(|| {
        let mut server = connection(Role::Server, &Config::default());
        // A fragment, a ping, and the last fragment, masked with zeros.
        let frames = b"\x01\x81\0\0\0\0a\x89\x80\0\0\0\0\x80\x81\0\0\0\0b";
        for byte in frames {
            server.inbound().extend_from_slice(&[*byte]);
            server.handle_read(1, Instant::EPOCH);
            take_events(&mut server);
        }
    });
    let expected = [
        "received frame role=Server opcode=Text fin=false rsv1=false payload_len=1",
        "received frame role=Server opcode=Ping fin=true rsv1=false payload_len=0",
        "sending frame role=Server opcode=Pong fin=true rsv1=false payload_len=0",
        "received frame role=Server opcode=Continuation fin=true rsv1=false payload_len=1",
    ];
    assert_eq!(lines, expected.map(|line| format!("trace: {line}")));
}

#[test]
fn a_frame_with_an_invalid_payload_is_told_once() {
    let (lines, _) = lines_of(|| {
        for take in [take_events as fn(&mut Connection), take_data, for_each_borrowed] {
            let mut client = connection(Role::Client, &Config::default());
            client.inbound().extend_from_slice(b"\x81\x02\xFF\xFF");
            client.handle_read(4, Instant::EPOCH);
            take(&mut client);
        }
    });
    let received = "trace: received frame role=Client opcode=Text fin=true rsv1=false payload_len=2";
    assert_eq!(lines.iter().filter(|line| *line == received).count(), 3, "{lines:#?}");
    assert_eq!(lines.iter().filter(|line| line.contains("received")).count(), 3, "{lines:#?}");
}

#[test]
fn parts_of_a_streamed_message_are_frames() {
    let (lines, _) = lines_of(|| {
        let mut client = connection(Role::Client, &Config::default());
        client.start_message(MessageKind::Binary).unwrap();
        client.continue_message(&[0; 5]).unwrap();
        client.finish_message(&[0; 6]).unwrap();
    });
    let expected = [
        "sending frame role=Client opcode=Binary fin=false rsv1=false payload_len=5",
        "sending frame role=Client opcode=Continuation fin=true rsv1=false payload_len=6",
    ];
    assert_eq!(lines, expected.map(|line| format!("trace: {line}")));
}

#[test]
fn the_end_of_a_connection_is_told_with_its_error_and_without_words_of_the_peer() {
    let told = |bytes: &[u8], is_eof: bool| {
        let (lines, ()) = lines_of(|| {
            let mut client = connection(Role::Client, &Config::default());
            client.trace_in(tracing::debug_span!(target: "ws_core", "connection"));
            client.inbound().extend_from_slice(bytes);
            client.handle_read(bytes.len(), Instant::since_epoch(Duration::from_secs(3)));
            while let Ok(Some(_)) | Err(_) = client.poll_event() {}
            if is_eof {
                let n = client.outbound().remaining();
                client.handle_write(n, Instant::since_epoch(Duration::from_secs(4)));
                client.handle_read(0, Instant::since_epoch(Duration::from_secs(5)));
                while let Ok(Some(_)) | Err(_) = client.poll_event() {}
            }
            drop(client);
        });
        lines.into_iter().filter(|line| line.contains("debug: closed")).collect::<Vec<_>>()
    };
    let dropped = "code=1006 side=local clean=false error=dropped duration=T messages_sent=0 messages_received=1 \
        bytes_sent=0 bytes_received=4";
    assert_eq!(told(b"\x81\x02hi", false), [format!("connection: debug: closed {dropped}")], "it was open");
    let counts = "bytes_sent=8 bytes_received";
    for (bytes, expected) in [
        // A Close frame with the illegal code 1005, and one with 1000.
        (
            &b"\x88\x08\x03\xedsecret"[..],
            format!(
                "code=1002 side=local clean=false error=the peer sent the close code 1005, which may not be sent at byte 0 duration=T \
                 messages_sent=0 messages_received=0 {counts}=10"
            ),
        ),
        (
            b"\x88\x08\x03\xe8secret",
            "code=1000 side=remote clean=true duration=T messages_sent=0 messages_received=0 bytes_sent=14 \
             bytes_received=10"
                .to_owned(),
        ),
        (
            b"\x81\x02hi",
            "code=1006 side=remote clean=false error=the peer ended the stream without a Close frame duration=T \
             messages_sent=0 messages_received=1 bytes_sent=0 bytes_received=4"
                .to_owned(),
        ),
    ] {
        assert_eq!(told(bytes, true), [format!("connection: debug: closed {expected}")]);
    }
}
