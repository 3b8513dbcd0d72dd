//! Settings of a client: which of two wins.

use std::time::Duration;

use ws_common::{
    CheckedOptions,
    reconnect::Reconnect,
    session::{ClientBuilder, Delivery, Session},
};
use ws_core::{Config, Random};

use crate::support::{Plan, Steps, URL, ms, secs, simulate};

type Set = fn(ClientBuilder<Session>) -> ClientBuilder<Session>;

/// A setting made by name, and the same inside a `Config`.
type Named = (&'static str, Set, fn(Config) -> Config);

const NAMED: [Named; 20] = [
    ("ping_interval", |client| client.ping_interval(secs(5)), |config| config.ping_interval(secs(5))),
    ("no ping_interval", |client| client.ping_interval(None), |config| config.ping_interval(None)),
    ("pong_timeout", |client| client.pong_timeout(secs(6)), |config| config.pong_timeout(secs(6))),
    ("no pong_timeout", |client| client.pong_timeout(None), |config| config.pong_timeout(None)),
    ("write_timeout", |client| client.write_timeout(secs(7)), |config| config.write_timeout(secs(7))),
    ("message_timeout", |client| client.message_timeout(secs(8)), |config| config.message_timeout(secs(8))),
    ("no message_timeout", |client| client.message_timeout(None), |config| config.message_timeout(None)),
    ("max_send_buffer", |client| client.max_send_buffer(7000), |config| config.max_send_buffer(7000)),
    ("max_message_size", |client| client.max_message_size(9), |config| config.max_message_size(9)),
    ("max_fragments", |client| client.max_fragments(9), |config| config.max_fragments(9)),
    ("max_frame_size", |client| client.max_frame_size(9), |config| config.max_frame_size(9)),
    ("max_read_ahead", |client| client.max_read_ahead(9), |config| config.max_read_ahead(9)),
    ("chunk_timeout", |client| client.chunk_timeout(secs(9)), |config| config.chunk_timeout(secs(9))),
    ("max_message_rate", |client| client.max_message_rate(9), |config| config.max_message_rate(9)),
    ("max_inflate_ratio", |client| client.max_inflate_ratio(9), |config| config.max_inflate_ratio(9)),
    (
        "no max_inflate_ratio",
        |client| client.max_inflate_ratio(None),
        |config| config.max_inflate_ratio(None),
    ),
    ("close_timeout", |client| client.close_timeout(secs(9)), |config| config.close_timeout(secs(9))),
    ("no write_timeout", |client| client.write_timeout(None), |config| config.write_timeout(None)),
    ("no chunk_timeout", |client| client.chunk_timeout(None), |config| config.chunk_timeout(None)),
    ("no max_message_rate", |client| client.max_message_rate(None), |config| config.max_message_rate(None)),
];

fn other() -> Config {
    let config = Config::default().ping_interval(secs(1)).pong_timeout(secs(2)).max_send_buffer(3);
    config
        .close_timeout(secs(4))
        .write_timeout(secs(9))
        .message_timeout(secs(10))
        .max_message_size(5)
        .max_message_rate(3)
        .chunk_timeout(secs(12))
}

fn builder() -> ClientBuilder<Session> {
    ClientBuilder::new(URL)
}

/// The options of the first attempt.
fn options(builder: ClientBuilder<Session>) -> CheckedOptions {
    let mut sim = simulate(builder, [Plan::BlackHole]);
    sim.settle();
    sim.seen.options.take().expect("an attempt")
}

/// All that is inside of a `Config`.
fn inside(config: &Config) -> String {
    format!("{config:?}")
}

#[test]
fn a_setting_made_by_name_wins_over_the_same_inside_a_config_in_either_order() {
    for (name, set, expected) in NAMED {
        let expected = inside(&expected(other()));
        let orders: [Set; 3] = [
            |builder| builder.config(other()),
            |builder| builder.config(Config::default()).config(other()),
            |builder| builder.prepare(|_, options| Ok(options.config(other()))),
        ];
        for (n, config) in orders.into_iter().enumerate() {
            for builder in [set(config(builder())), config(set(builder()))] {
                assert_eq!(inside(options(builder).config()), expected, "{name}, {n}");
            }
        }
    }
}

#[test]
fn prepare_changes_a_setting_that_was_made_by_name() {
    let named = builder().ping_interval(secs(30)).pong_timeout(secs(20)).max_send_buffer(9);
    let options = options(named.prepare(|_, options| {
        let options = options.ping_interval(secs(7)).ping_interval(secs(5)).pong_timeout(None);
        // A `Config` still sets only the rest.
        Ok(options.config(other()).max_send_buffer(7000).config(other()))
    }));
    let expected = other().ping_interval(secs(5)).pong_timeout(None).max_send_buffer(7000);
    assert_eq!(inside(options.config()), inside(&expected));
    // And the time-out that was made shorter is kept.
    let plan = Plan::Serve(crate::support::Serve { is_mute: true, ..Default::default() });
    let named = builder().ping_interval(secs(1)).pong_timeout(secs(20));
    let mut sim = simulate(named.prepare(|_, options| Ok(options.pong_timeout(secs(2)))), [plan]);
    sim.advance(ms(3_000));
    assert!(sim.lines().contains(&"error timeout".into()));
}

#[test]
fn without_a_setting_by_name_all_of_the_last_config_counts() {
    let first = Config::default().ping_interval(secs(9)).close_timeout(secs(9));
    let options = options(builder().config(first).config(other()));
    assert_eq!(inside(options.config()), inside(&other()));
}

#[test]
fn the_outbox_is_bounded_by_the_name_or_else_by_the_config() {
    let room = |builder: ClientBuilder<Session>| {
        let mut session = builder.session(Random::from_seed([1; 32])).expect("settings that can be used");
        // 16 bytes on the wire each.
        std::iter::from_fn(|| session.send("0123456789").ok()).count()
    };
    let config = || Config::default().max_send_buffer(160);
    assert_eq!(room(builder().config(config())), 10);
    assert_eq!(room(builder().config(config()).max_send_buffer(320)), 20);
    assert_eq!(room(builder().max_send_buffer(320).config(config())), 20);
    // Each counts as 128 bytes at least.
    assert_eq!(room(builder()), (1 << 20) / 128);
}

#[test]
fn of_two_calls_of_one_setter_the_last_wins() {
    fn address(last: u8) -> std::net::SocketAddr {
        ([192, 0, 2, last], 0).into()
    }
    let setters: [(&str, Set, Set); 26] = [
        ("origin", |b| b.origin("http://a").origin("http://b"), |b| b.origin("http://b")),
        (
            "require_subprotocol",
            |b| b.require_subprotocol(true).require_subprotocol(false),
            |b| b.require_subprotocol(false),
        ),
        ("open_timeout", |b| b.open_timeout(secs(1)).open_timeout(secs(2)), |b| b.open_timeout(secs(2))),
        ("nodelay", |b| b.nodelay(false).nodelay(true), |b| b.nodelay(true)),
        ("no nodelay", |b| b.nodelay(true).nodelay(false), |b| b.nodelay(false)),
        ("proxy", |b| b.proxy("http://a").proxy("http://b"), |b| b.proxy("http://b")),
        ("config", |b| b.config(Config::default()).config(other()), |b| b.config(other())),
        ("ping_interval", |b| b.ping_interval(secs(1)).ping_interval(None), |b| b.ping_interval(None)),
        ("pong_timeout", |b| b.pong_timeout(None).pong_timeout(secs(3)), |b| b.pong_timeout(secs(3))),
        ("max_send_buffer", |b| b.max_send_buffer(1).max_send_buffer(2), |b| b.max_send_buffer(2)),
        (
            "prepare",
            |b| b.prepare(|_, _| panic!("it was replaced")).prepare(|_, options| Ok(options.nodelay(false))),
            |b| b.nodelay(false),
        ),
        ("bind", |b| b.bind(address(1)).bind(address(2)), |b| b.bind(address(2))),
        ("notsent_lowat", |b| b.notsent_lowat(1).notsent_lowat(None), |b| b.notsent_lowat(None)),
        ("tcp_keepalive", |b| b.tcp_keepalive(None).tcp_keepalive(secs(1)), |b| b.tcp_keepalive(secs(1))),
        ("max_redirects", |b| b.max_redirects(3).max_redirects(0), |b| b),
        ("close_timeout", |b| b.close_timeout(secs(1)).close_timeout(secs(2)), |b| b.close_timeout(secs(2))),
        ("write_timeout", |b| b.write_timeout(secs(1)).write_timeout(None), |b| b.write_timeout(None)),
        ("chunk_timeout", |b| b.chunk_timeout(secs(1)).chunk_timeout(None), |b| b.chunk_timeout(None)),
        (
            "message_timeout",
            |b| b.message_timeout(None).message_timeout(secs(1)),
            |b| b.message_timeout(secs(1)),
        ),
        ("max_message_size", |b| b.max_message_size(1).max_message_size(2), |b| b.max_message_size(2)),
        ("max_fragments", |b| b.max_fragments(1).max_fragments(2), |b| b.max_fragments(2)),
        ("max_frame_size", |b| b.max_frame_size(1).max_frame_size(2), |b| b.max_frame_size(2)),
        ("max_read_ahead", |b| b.max_read_ahead(1).max_read_ahead(2), |b| b.max_read_ahead(2)),
        ("max_message_rate", |b| b.max_message_rate(1).max_message_rate(None), |b| b.max_message_rate(None)),
        (
            "max_inflate_ratio",
            |b| b.max_inflate_ratio(1).max_inflate_ratio(None),
            |b| b.max_inflate_ratio(None),
        ),
        (
            "proxy_from_environment",
            |b| b.proxy("http://a").proxy_from_environment(),
            |b| b.proxy_from_environment(),
        ),
    ];
    for (name, twice, once) in setters {
        assert_eq!(
            format!("{:?}", options(twice(builder()))),
            format!("{:?}", options(once(builder()))),
            "{name}"
        );
    }
    // Those that do not show in the options of an attempt.
    let policy = builder().reconnect(Reconnect::never()).reconnect(Reconnect::after(ms(7)));
    let mut sim = simulate(policy, [Plan::Refuse]);
    sim.settle();
    assert_eq!(sim.lines().last().map(String::as_str), Some("reconnecting 1 in 7ms"));
    let delivery = builder().delivery(Delivery::Confirmed).delivery(Delivery::AtMostOnce);
    let mut sim = simulate(delivery.ping_interval(None), []);
    sim.send("x");
    sim.settle();
    assert_eq!(sim.seen.pings.len(), 0);
    let shortest = |builder: ClientBuilder<Session>| {
        builder.session(Random::from_seed([1; 32])).expect("settings").shortest_timeout()
    };
    let confirm = builder().confirm_timeout(Duration::ZERO).confirm_timeout(ms(9));
    assert_eq!(shortest(confirm), ms(9));
    assert_eq!(shortest(builder().idle_timeout(ms(1)).idle_timeout(ms(9))), ms(9));
    assert_eq!(shortest(builder().idle_timeout(ms(1)).idle_timeout(None)), shortest(builder()));
    assert_eq!(shortest(builder().heartbeat(ms(1), "x").heartbeat(ms(9), "x")), ms(9));
    let held = |builder: ClientBuilder<Session>| {
        let mut sim = simulate(builder, []);
        sim.send("x");
        sim.settle();
        sim.texts().is_empty()
    };
    assert!(held(builder().hold(true)) && !held(builder().hold(true).hold(false)));
    let deliveries = builder().max_deliveries(9).max_deliveries(1).delivery(Delivery::Confirmed);
    let mut sim = simulate(deliveries.reconnect(Reconnect::after(ms(1))), []);
    sim.then(Plan::Serve(crate::support::Serve { poison: Some("x"), ..Default::default() }));
    sim.send("x");
    sim.settle();
    assert!(sim.lines().iter().any(|event| event.starts_with("stuck x after 1")));
}
