//! The settings of a single connection and of a client: the same names, the same types, the same errors.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use ws_common::{
    AcceptOptions, CheckedOptions, ConnectError, ConnectOptions, PrepareError,
    proxy::{ProxyError, ProxyUrlError},
    redirect::RedirectDecision,
    session::{ClientBuilder, ClientError, Session},
};
use ws_core::{Config, Random};

use crate::support::{Steps, URL, secs, simulate};

/// Calls the same setters of all three builders, for each type that an argument may have. Each setter is tried alone, on options that
/// offer a subprotocol, because a requirement needs an offer.
macro_rules! everywhere {
    ($($name:ident($($argument:expr),*);)*) => {
        fn on_options() -> Vec<(&'static str, ConnectOptions)> {
            vec![$((stringify!($name), ConnectOptions::new(URL).subprotocol("first").$name($($argument),*)),)*]
        }

        fn on_a_builder() -> Vec<ClientBuilder<Session>> {
            vec![$(ClientBuilder::new(URL).subprotocol("first").$name($($argument),*),)*]
        }

        /// The names of the setters.
        const NAMES: &[&str] = &[$(stringify!($name)),*];
    };
}

fn text() -> String {
    "text".into()
}

fn proxy() -> String {
    "http://proxy.test".into()
}

const IP: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);

everywhere! {
    header("Name", "value");
    header(text(), text());
    header(&text(), &text());
    origin("https://a.test");
    origin(text());
    origin(&text());
    subprotocol("chat");
    subprotocol(text());
    subprotocol(&text());
    require_subprotocol(true);
    open_timeout(secs(1));
    address(SocketAddr::from((IP, 80)));
    address((IP, 80));
    address((IpAddr::V4(IP), 80));
    address(([192, 0, 2, 1], 80));
    bind(SocketAddr::from((IP, 0)));
    bind((IpAddr::V4(IP), 0));
    nodelay(false);
    notsent_lowat(1);
    notsent_lowat(Some(1));
    notsent_lowat(None);
    tcp_keepalive(secs(1));
    tcp_keepalive(Some(secs(1)));
    tcp_keepalive(None);
    on_socket(|_| Ok(()));
    proxy("http://proxy.test");
    proxy(proxy());
    proxy(&proxy());
    proxy_from_environment();
    max_redirects(1);
    on_redirect(|_| RedirectDecision::Follow);
    config(other());
    max_message_size(1);
    max_fragments(1);
    max_frame_size(1);
    max_send_buffer(1);
    max_read_ahead(1);
    ping_interval(secs(1));
    ping_interval(Some(secs(1)));
    ping_interval(None);
    pong_timeout(secs(1));
    pong_timeout(None);
    write_timeout(secs(1));
    write_timeout(None);
    message_timeout(secs(1));
    message_timeout(None);
    chunk_timeout(secs(1));
    chunk_timeout(None);
    max_message_rate(1);
    max_message_rate(None);
    max_inflate_ratio(1);
    max_inflate_ratio(None);
    close_timeout(secs(1));
}

fn other() -> Config {
    Config::default().ping_interval(secs(11)).pong_timeout(secs(12)).max_message_size(5).max_send_buffer(6)
}

/// The options of the first attempt.
fn first(builder: ClientBuilder<Session>) -> CheckedOptions {
    let mut sim = simulate(builder, []);
    sim.settle();
    sim.seen.options.take().expect("an attempt")
}

#[test]
fn a_setter_of_a_client_does_the_same_as_that_of_the_options() {
    for ((name, options), builder) in on_options().into_iter().zip(on_a_builder()) {
        let options = options.build().expect("a legal value");
        assert_eq!(format!("{:?}", first(builder)), format!("{options:?}"), "{name}");
    }
}

/// The public interface of this crate, as it is listed.
const LISTING: &str = include_str!("../../../api/ws-common.txt");

/// The setters of a type, with the types that they take.
fn setters(owner: &str) -> Vec<&'static str> {
    let prefix = format!("pub fn ws_common::{owner}::");
    let methods = LISTING.lines().filter_map(|line| line.strip_prefix(&*prefix));
    methods.filter(|method| method.contains("(self") && method.ends_with(" -> Self")).collect()
}

#[test]
fn a_client_has_all_setters_of_the_options_with_the_same_types() {
    let of_options = setters("ConnectOptions");
    assert!(of_options.len() > 30, "{of_options:?}");
    let of_clients = setters("session::ClientBuilder::<C>");
    for setter in &of_options {
        assert!(of_clients.contains(setter), "{setter}");
    }
    // TLS and compression are in some builds only.
    let elsewhere = ["tls", "proxy_tls", "deflate"];
    for setter in of_options {
        let name = setter.split('(').next().expect("a name");
        assert!(NAMES.contains(&name) || elsewhere.contains(&name), "{name} is not tried");
    }
}

#[test]
fn each_setting_of_a_connection_has_a_setter_of_its_own() {
    let listing = include_str!("../../../api/ws-core.txt");
    let of_config = listing.lines().filter_map(|line| line.strip_prefix("pub fn ws_core::Config::"));
    let names = of_config.filter_map(|method| method.split_once("(self, ")).map(|(name, _)| name);
    let names: Vec<_> = names.filter(|name| *name != "deflate_unless_set").collect();
    assert!(names.len() > 12, "{names:?}");
    for owner in ["ConnectOptions", "session::ClientBuilder::<C>", "AcceptOptions"] {
        let setters = setters(owner);
        for name in &names {
            let is_there = setters.iter().any(|setter| setter.split('(').next() == Some(name));
            assert!(is_there, "{owner}::{name}");
        }
    }
}

type Set = fn(ConnectOptions) -> ConnectOptions;
type SetOnClient = fn(ClientBuilder<Session>) -> ClientBuilder<Session>;

/// Values that cannot be used, each with words of its error.
const INVALID: [(&str, Set, SetOnClient); 9] = [
    ("\"Cookie\" cannot be set", |o| o.header("Cookie", "a\nb"), |b| b.header("Cookie", "a\nb")),
    ("\"two\" cannot be set", |o| o.header("two words", ""), |b| b.header("two words", "")),
    ("\"Upgrade\" cannot be set", |o| o.header("Upgrade", "h2c"), |b| b.header("Upgrade", "h2c")),
    ("\"Origin\" cannot be set", |o| o.origin("\r"), |b| b.origin("\r")),
    ("\"Sec-WebSocket-Protocol\" cannot be set", |o| o.subprotocol("a b"), |b| b.subprotocol("a b")),
    ("ftp", |o| o.proxy("ftp://proxy.test"), |b| b.proxy("ftp://proxy.test")),
    ("the proxy", |o| o.proxy(""), |b| b.proxy("")),
    ("port", |o| o.proxy("http://proxy.test:0"), |b| b.proxy("http://proxy.test:0")),
    ("path", |o| o.proxy("http://proxy.test/a"), |b| b.proxy("http://proxy.test/a")),
];

const URLS: [&str; 4] = ["ftp://server.test", "", "ws://", "ws://server.test/#a"];

fn built(builder: ClientBuilder<Session>) -> ConnectError {
    builder.session(Random::from_seed([1; 32])).expect_err("an invalid setting")
}

#[test]
fn an_invalid_value_is_reported_by_build_of_the_options_and_of_a_client() {
    for (words, set, set_on_client) in INVALID {
        let error = set(ConnectOptions::new(URL)).build().expect_err("an invalid setting");
        assert!(error.to_string().contains(words), "{error}, {words}");
        for of_client in [
            built(set_on_client(ClientBuilder::new(URL))),
            built(ClientBuilder::new(set(ConnectOptions::new(URL)))),
            set_on_client(ClientBuilder::new(URL)).build().expect_err("an invalid setting"),
        ] {
            assert_eq!(of_client.to_string(), error.to_string());
        }
    }
    for url in URLS {
        let error = ConnectOptions::new(url).build().expect_err("no URL of a server");
        assert!(matches!(error, ConnectError::Url(_)), "{error}");
        assert_eq!(built(ClientBuilder::new(url)).to_string(), error.to_string());
        assert_eq!(ConnectOptions::from(url.to_owned()).build().unwrap_err().to_string(), error.to_string());
    }
}

#[test]
fn a_subprotocol_that_is_required_and_not_offered_is_reported_by_build() {
    let strict = || ConnectOptions::new(URL).require_subprotocol(true);
    let error = strict().build().expect_err("nothing is offered");
    let ConnectError::Request(request) = &error else { panic!("{error:?}") };
    assert_eq!(request.name, "Sec-WebSocket-Protocol");
    assert_eq!(built(ClientBuilder::new(strict())).to_string(), error.to_string());
    assert!(strict().subprotocol("chat").build().is_ok());
    // The hook may offer one.
    let prepared = ClientBuilder::new(strict()).prepare(|_, options| Ok(options.subprotocol("chat")));
    assert_eq!(
        first(prepared).request().clone(),
        strict().subprotocol("chat").build().unwrap().request().clone()
    );
    let mut sim = simulate(ClientBuilder::new(URL).prepare(|_, o| Ok(o.require_subprotocol(true))), []);
    sim.settle();
    let gave_up = sim.seen.gave_up.expect("no attempt can succeed").to_string();
    assert!(gave_up.contains(&error.to_string()), "{gave_up}");
}

#[test]
fn of_several_invalid_values_the_first_is_reported() {
    for (words, first, first_on_client) in INVALID {
        for (_, second, second_on_client) in INVALID {
            let legal =
                |options: ConnectOptions| options.header("A", "1").proxy("http://p.test").nodelay(false);
            let options = legal(second(legal(first(legal(ConnectOptions::new(URL))))));
            let error = options.clone().build().expect_err("an invalid setting");
            assert!(error.to_string().contains(words), "{error}, {words}");
            // The clone has it, too.
            assert_eq!(options.build().unwrap_err().to_string(), error.to_string());
            let builder = second_on_client(first_on_client(ClientBuilder::new(URL)));
            assert_eq!(built(builder).to_string(), error.to_string());
            let builder = second_on_client(ClientBuilder::new(first(ConnectOptions::new(URL))));
            assert_eq!(built(builder).to_string(), error.to_string());
        }
        let after_the_url = first(ConnectOptions::new(URLS[0])).build().unwrap_err();
        assert!(matches!(after_the_url, ConnectError::Url(_)), "{after_the_url}");
    }
}

#[test]
fn an_invalid_value_within_prepare_is_a_final_end_of_the_attempt() {
    let urls = URLS.map(|url| move |_| ConnectOptions::new(url));
    let sets = INVALID.map(|(_, set, _)| move |options| set(options));
    let mut all: Vec<Box<dyn Fn(ConnectOptions) -> ConnectOptions + Send + Sync>> = Vec::new();
    all.extend(urls.map(|set| Box::new(set) as _));
    all.extend(sets.map(|set| Box::new(set) as _));
    for set in all {
        let expected = set(ConnectOptions::new(URL)).build().unwrap_err();
        let mut sim = simulate(ClientBuilder::new(URL).prepare(move |_, options| Ok(set(options))), []);
        sim.settle();
        assert_eq!(sim.lines(), ["error prepare", "closed 1006 broken us"], "{expected}");
        assert!(sim.seen.dials.is_empty());
        let gave_up = sim.seen.gave_up.expect("the client is over").to_string();
        assert!(gave_up.contains(&expected.to_string()), "{gave_up}");
    }
}

#[test]
fn an_error_of_a_setter_keeps_its_type() {
    let of = |options: ConnectOptions| options.build().unwrap_err();
    assert!(matches!(of(ConnectOptions::new(URL).origin("\n")), ConnectError::Request(_)));
    let of_proxy = of(ConnectOptions::new(URL).proxy("http://proxy.test:0"));
    let ConnectError::Proxy { source: ProxyError::Url(ProxyUrlError::PortZero), .. } = of_proxy else {
        panic!("{of_proxy:?}")
    };
    // Also through the hook.
    let prepared = PrepareError::from(of(ConnectOptions::new(URL).origin("\n")));
    assert!(prepared.is_final());
    let Ok(error) = prepared.into_error().downcast::<ConnectError>() else { panic!("another type") };
    assert!(matches!(ClientError::Connect(*error), ClientError::Connect(ConnectError::Request(_))));
}

#[test]
fn a_client_takes_options_with_all_their_settings() {
    let options = || ConnectOptions::new(URL).header("A", "1").ping_interval(secs(7)).bind((IP, 0));
    let expected = format!("{:?}", options().build().unwrap());
    assert_eq!(format!("{:?}", first(ClientBuilder::new(options()))), expected);
    // And checked ones.
    assert_eq!(format!("{:?}", first(ClientBuilder::new(options().build().unwrap()))), expected);
    // A name that was set on the options wins over a later `config` of the builder.
    let config = first(ClientBuilder::new(options()).config(other())).config().clone();
    assert_eq!(format!("{config:?}"), format!("{:?}", other().ping_interval(secs(7))));
}

#[test]
fn a_name_wins_over_config_in_either_order_on_a_server_too() {
    type Named = (fn(AcceptOptions) -> AcceptOptions, fn(Config) -> Config);
    let sets: [Named; 4] = [
        (|o| o.ping_interval(None), |c| c.ping_interval(None)),
        (|o| o.max_message_size(7), |c| c.max_message_size(7)),
        (|o| o.close_timeout(Duration::ZERO), |c| c.close_timeout(Duration::ZERO)),
        (|o| o.max_message_rate(7), |c| c.max_message_rate(7)),
    ];
    for (set, expected) in sets {
        let expected = format!("AcceptOptions {{ config: {:?}, ", expected(other()));
        for options in [
            set(AcceptOptions::default().config(other())),
            set(AcceptOptions::default()).config(other()),
            set(AcceptOptions::default()).config(Config::default()).config(other()),
        ] {
            let shown = format!("{options:?}");
            assert!(shown.starts_with(&expected), "{shown} does not begin with {expected}");
        }
    }
}
