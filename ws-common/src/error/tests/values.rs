//! The error of a deadline or a limit names the setting and its value.

use std::error::Error;
use std::net::IpAddr;
use std::num::NonZero;
use std::time::Duration;

use ws_core::bytes::Buf;
use ws_core::{
    Accept, ClientRequest, Config, Instant, Machine, Random, SendError, ServerHandshake, StreamError,
    Timeout, ViolationKind,
};

use super::chains::assert_says_nothing_twice;
use super::{attempts, refused};
use crate::connector::{Connector, ConnectorStep};
use crate::error::{AcceptError, ClientError, ConnectError, ConnectTimeout, OpenPhase};
use crate::options::ConnectOptions;
use crate::proxy::{ProxyError, ProxyStep};
use crate::reconnect::GiveUp;

const VALUE: Duration = Duration::from_millis(1500);

/// The errors of each setting that is a deadline or a limit of something that fails.
///
/// Settings without an error of their own: `ping_interval`, `heartbeat`, `tcp_keepalive`, `notsent_lowat`, `max_frame_size`,
/// `max_read_ahead`, `max_connections`, `max_handshakes`, `max_deliveries`, and the delays of `Reconnect`.
fn errors() -> Vec<(&'static str, &'static str, Box<dyn Error>)> {
    let phases = [OpenPhase::Resolve, OpenPhase::Connect, OpenPhase::Tls, OpenPhase::Handshake];
    let steps = [
        ProxyStep::Resolve,
        ProxyStep::Connect,
        ProxyStep::Tls,
        ProxyStep::Response,
        ProxyStep::Method,
        ProxyStep::Credentials,
        ProxyStep::Reply,
    ];
    let (open_timeout, peer) = (VALUE, Some(([192, 0, 2, 1], 80).into()));
    let connecting = || ConnectTimeout {
        open_timeout,
        pending: peer.into_iter().collect(),
        failures: attempts([refused()]),
    };
    let full = || SendError::Full { message: "x".into(), max_send_buffer: 64 << 10 };
    let mut errors: Vec<(&str, &str, Box<dyn Error>)> = vec![
        ("pong_timeout", "1.5s", Box::new(ws_core::Error::Timeout(Timeout::Pong(VALUE)))),
        ("check_now", "1.5s", Box::new(ws_core::Error::Timeout(Timeout::Check(VALUE)))),
        ("write_timeout", "1.5s", Box::new(ws_core::Error::Timeout(Timeout::Write(VALUE)))),
        ("message_timeout", "1.5s", Box::new(ws_core::Error::Timeout(Timeout::Message(VALUE)))),
        ("chunk_timeout", "1.5s", Box::new(ws_core::Error::Timeout(Timeout::Chunk(VALUE)))),
        ("close_timeout", "1.5s", Box::new(ws_core::Error::Timeout(Timeout::Close(VALUE)))),
        ("max_send_buffer", "64 KiB", Box::new(full())),
        ("max_send_buffer", "64 KiB", Box::new(StreamError::Full(64 << 10))),
        ("max_message_size", "4 bytes", violation(&Config::default().max_message_size(4))),
        ("max_fragments", "2", violation(&Config::default().max_fragments(2))),
        ("max_message_rate", "1 ", violation(&Config::default().max_message_rate(1))),
        ("confirm_timeout", "1.5s", Box::new(ClientError::Unconfirmed(VALUE))),
        ("idle_timeout", "1.5s", Box::new(ClientError::Idle(VALUE))),
        ("max_send_buffer", "7 bytes", Box::new(ClientError::OpeningTooLarge { size: 9, limit: 7 })),
        ("prepare_timeout", "1.5s", Box::new(ConnectError::PrepareTimeout(VALUE))),
        ("open_timeout", "1.5s", Box::new(ConnectError::ConnectTimeout(connecting()))),
        ("open_timeout", "1.5s", Box::new(ConnectError::from(ProxyError::ConnectTimeout(connecting())))),
        ("decide_timeout", "1.5s", Box::new(AcceptError::DecideTimeout(VALUE))),
        (
            "max_connections_per_client",
            "7",
            Box::new(AcceptError::ClientLimit { client: IpAddr::from([192, 0, 2, 1]), limit: 7 }),
        ),
        ("max_attempts", "7", Box::new(GiveUp::Attempts(7))),
        ("max_elapsed", "1.5s", Box::new(GiveUp::Elapsed(VALUE))),
    ];
    for phase in phases {
        for peer in [None, peer] {
            let error = ConnectError::Timeout { phase, open_timeout, peer };
            errors.push(("open_timeout", "1.5s", Box::new(error)));
        }
        errors.push(("open_timeout", "1.5s", Box::new(AcceptError::Timeout { phase, open_timeout })));
    }
    for step in steps {
        let error = ProxyError::Timeout { step, open_timeout: Some(VALUE) };
        errors.push(("open_timeout", "1.5s", Box::new(ConnectError::from(error))));
    }
    errors
}

/// The error of a server whose client sends five fragments of a message, of one byte each, and so exceeds a limit.
fn violation(config: &Config) -> Box<dyn Error> {
    let request = ClientRequest::new("example.com", "/").unwrap();
    let deadline = Instant::EPOCH + VALUE;
    let mut client = ws_core::ClientHandshake::new(
        &request,
        Config::default().max_frame_size(1),
        Random::from_seed([3; 32]),
        deadline,
    );
    let mut server = ServerHandshake::new(config.clone(), Random::from_seed([4; 32]), deadline);
    pass(&mut client, &mut server);
    server.poll_event().unwrap().expect("a request");
    let mut server = server.accept(&Accept::new(), Instant::EPOCH).unwrap();
    pass(&mut server, &mut client);
    client.poll_event().unwrap().expect("a response");
    let mut client = client.open(Instant::EPOCH).unwrap();
    for _ in 0..100 {
        client.send("hello").unwrap();
    }
    // The frames of one read are counted with the next.
    pass(&mut client, &mut server);
    client.send("hello").unwrap();
    loop {
        match server.poll_event() {
            Err(error) => return Box::new(error),
            Ok(None) => pass(&mut client, &mut server),
            Ok(Some(_)) => {}
        }
    }
}

fn pass(from: &mut impl Machine, to: &mut impl Machine) {
    let n = from.outbound().remaining();
    let bytes = from.outbound().copy_to_bytes(n);
    from.handle_write(n, Instant::EPOCH);
    to.inbound().extend_from_slice(&bytes);
    to.handle_read(bytes.len(), Instant::EPOCH);
}

#[test]
fn the_error_of_a_deadline_or_a_limit_names_the_setting_and_its_value() {
    for (setting, value, error) in errors() {
        let text = error.to_string();
        assert!(text.contains(setting) && text.contains(value), "{setting} {value}: {text}");
        assert_says_nothing_twice(&*error);
    }
    let ratio = ViolationKind::InflateRatio(NonZero::<u32>::MIN).to_string();
    assert!(ratio.contains("max_inflate_ratio") && ratio.contains(" 1 times"), "{ratio}");
}

#[test]
fn the_error_of_a_later_step_of_an_attempt_names_the_time_of_the_whole() {
    let rest = Duration::from_millis(100);
    let options = ConnectOptions::new("ws://server.test").open_timeout(VALUE).build().unwrap();
    let mut connector = Connector::<()>::new(&options.rest_of_open_timeout(rest), Instant::EPOCH);
    assert_eq!(connector.deadline(), Instant::since_epoch(rest));
    let ConnectorStep::Done(Err(error)) = connector.poll(Instant::since_epoch(rest)) else {
        panic!("no error")
    };
    assert!(error.to_string().contains("in 1.5s (open_timeout)"), "{error}");
}
