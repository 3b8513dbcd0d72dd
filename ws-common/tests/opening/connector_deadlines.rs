//! The time to open, and results that come late.

use std::io;
use std::time::Duration;

use ws_common::{
    ConnectError, OpenPhase,
    connector::{Connector, ConnectorStep},
    happy_eyeballs::AttemptId,
    proxy::{ProxyError, ProxyStep},
};
use ws_core::Instant;

use crate::connector::asked;
use crate::support::{address, at, check_text, checked, options};

fn resolve(step: ConnectorStep<u32>) -> String {
    match step {
        ConnectorStep::Resolve { host, .. } => host,
        other => panic!("{other:?}"),
    }
}

fn dial(step: ConnectorStep<u32>) -> AttemptId {
    match step {
        ConnectorStep::Connect { attempt, .. } => attempt,
        other => panic!("{other:?}"),
    }
}

fn waits(step: ConnectorStep<u32>, until: Instant) {
    assert!(matches!(step, ConnectorStep::Wait(at) if at == until), "{step:?}");
}

fn times_out(step: ConnectorStep<u32>, phase: OpenPhase) {
    match step {
        ConnectorStep::Done(Err(ConnectError::Timeout { phase: at, .. })) => assert_eq!(at, phase),
        ConnectorStep::Done(Err(ConnectError::ConnectTimeout(_))) => assert_eq!(OpenPhase::Connect, phase),
        other => panic!("{other:?}"),
    }
}

fn times_out_at_proxy(step: ConnectorStep<u32>, phase: OpenPhase, waited_for: ProxyStep) {
    let ConnectorStep::Done(Err(error)) = step else { panic!("{step:?}") };
    check_text(&error);
    assert_eq!(error.phase(), phase);
    assert!(error.to_string().starts_with("through socks5://proxy.test:1080: "), "{error}");
    match error {
        ConnectError::Proxy { source: ProxyError::Timeout { step, .. }, .. } => assert_eq!(step, waited_for),
        ConnectError::Proxy { source: ProxyError::ConnectTimeout(_), .. } => {
            assert_eq!(ProxyStep::Connect, waited_for);
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_time_to_open_passes_in_the_phase_in_which_it_is() {
    let target = options("ws://server.test").open_timeout(Duration::from_secs(3));
    let just_before = Instant::since_epoch(Duration::from_nanos(3_999_999_999));
    let mut connector = Connector::new(&checked(&target), at(1));
    assert_eq!(connector.deadline(), at(4));
    assert_eq!(resolve(connector.poll(at(1))), "server.test");
    waits(connector.poll(just_before), at(4));
    times_out(connector.poll(at(4)), OpenPhase::Resolve);

    let proxied = target.clone().proxy("socks5://user:secret@proxy.test");
    let mut connector = Connector::new(&checked(&proxied), at(1));
    assert_eq!(resolve(connector.poll(at(1))), "server.test");
    connector.handle_addresses(Ok(vec![address("192.0.2.1:80")]));
    assert_eq!(resolve(connector.poll(at(2))), "proxy.test");
    waits(connector.poll(just_before), at(4));
    times_out_at_proxy(connector.poll(at(4)), OpenPhase::Resolve, ProxyStep::Resolve);

    let mut connector = Connector::new(&checked(&proxied.address(address("192.0.2.1:80"))), at(1));
    assert_eq!(resolve(connector.poll(at(1))), "proxy.test");
    connector.handle_addresses(Ok(vec![address("192.0.2.9:1080")]));
    dial(connector.poll(at(2)));
    waits(connector.poll(just_before), at(4));
    times_out_at_proxy(connector.poll(at(4)), OpenPhase::Connect, ProxyStep::Connect);

    let mut connector = Connector::new(&checked(&target.address(address("192.0.2.1:80"))), at(1));
    dial(connector.poll(at(1)));
    waits(connector.poll(just_before), at(4));
    times_out(connector.poll(at(4)), OpenPhase::Connect);
}

#[test]
fn a_transport_that_is_there_at_the_deadline_counts_and_so_does_why_there_is_none() {
    let options = options("ws://192.0.2.1");
    let mut connector = Connector::new(&checked(&options), at(0));
    let attempt = dial(connector.poll(at(0)));
    connector.handle_result(attempt, Ok(7));
    assert!(matches!(connector.poll(at(11)), ConnectorStep::Done(Ok(reached)) if reached.transport == 7));
    let mut connector = Connector::new(&checked(&options), at(0));
    let attempt = dial(connector.poll(at(0)));
    connector.handle_result(attempt, Err(io::Error::other("refused")));
    assert!(matches!(connector.poll(at(11)), ConnectorStep::Done(Err(ConnectError::Connect(_)))));
}

#[test]
fn what_is_handed_in_late_twice_or_unasked_changes_nothing() {
    let options = options("ws://server.test").proxy("socks5://proxy.test");
    let mut connector = Connector::new(&checked(&options), at(0));
    connector.handle_addresses(Ok(vec![address("192.0.2.66:80")]));
    assert_eq!(resolve(connector.poll(at(0))), "server.test");
    connector.handle_addresses(Ok(vec![address("192.0.2.1:80")]));
    connector.handle_addresses(Ok(vec![address("192.0.2.66:80")]));
    assert_eq!(resolve(connector.poll(at(0))), "proxy.test");
    connector.handle_addresses(Ok(vec![address("192.0.2.9:1080")]));
    connector.handle_addresses(Err(io::Error::other("late")));
    let attempt = dial(connector.poll(at(0)));
    connector.handle_addresses(Err(io::Error::other("late")));
    connector.handle_result(attempt, Ok(1));
    connector.handle_result(attempt, Ok(2));
    connector.handle_result(attempt, Err(io::Error::other("late")));
    let ConnectorStep::Done(Ok(reached)) = connector.poll(at(0)) else { panic!("it was reached") };
    assert_eq!((reached.transport, asked(&reached.route)), (1, "192.0.2.1:80".into()));
    connector.handle_result(attempt, Ok(3));
    connector.handle_addresses(Ok(vec![address("192.0.2.66:80")]));
    waits(connector.poll(at(0)), at(10));
    waits(connector.poll(at(11)), at(10));

    // After a failure, too.
    let mut connector = Connector::new(&checked(&options), at(0));
    resolve(connector.poll(at(0)));
    times_out(connector.poll(at(10)), OpenPhase::Resolve);
    connector.handle_addresses(Ok(vec![address("192.0.2.1:80")]));
    waits(connector.poll(at(10)), at(10));
}
