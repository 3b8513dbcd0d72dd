//! Which names are resolved, in which order, what is dialed, and what a proxy is to be asked for.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use ws_common::{
    ConnectError, ConnectOptions, OpenPhase,
    connector::{Connector, ConnectorStep},
};

use crate::far::Far;
use crate::life::{Life, client};
use crate::proxy::{Proxy, http};
use crate::support::{address, at, check_text, checked, child_url, options, run_child, tell_parent};

const NAMES: [(&str, &[&str]); 3] =
    [("server.test", &["2001:db8::1", "192.0.2.1"]), ("proxy.test", &["192.0.2.9"]), ("empty.test", &[])];

/// A driver whose resolver knows [`NAMES`], and of whose dials all are refused that `refuses` names.
fn walk(options: &ConnectOptions, refuses: &[&str]) -> (Vec<String>, Result<String, ConnectError>) {
    let mut connector = Connector::new(&checked(options), at(0));
    let (mut trace, mut now) = (Vec::new(), at(0));
    loop {
        match connector.poll(now) {
            ConnectorStep::Resolve { host, port } => {
                trace.push(format!("resolve {host}:{port}"));
                let known = NAMES.iter().find(|(name, _)| *name == host);
                let addresses = known.map(|(_, addresses)| {
                    addresses.iter().map(|ip| SocketAddr::new(ip.parse().unwrap(), port)).collect()
                });
                connector.handle_addresses(addresses.ok_or_else(|| io::Error::other("unknown")));
            }
            ConnectorStep::Connect { attempt, address, is_only } => {
                trace.push(format!("dial {address}{}", if is_only { " only" } else { "" }));
                let is_refused = refuses.contains(&&*address.ip().to_string());
                let result = if is_refused { Err(io::Error::other("refused")) } else { Ok(()) };
                connector.handle_result(attempt, result);
            }
            ConnectorStep::Wait(until) => now = until,
            ConnectorStep::Done(Ok(reached)) => {
                assert!(!format!("{:?}", reached.route).contains("secret"));
                return (trace, Ok(format!("{} for {}", reached.peer, asked(&reached.route))));
            }
            ConnectorStep::Done(Err(error)) => {
                check_text(&error);
                return (trace, Err(error));
            }
        }
    }
}

/// What is to be asked for, out of the `Debug` of a route.
pub(crate) fn asked(route: &ws_common::connector::Route) -> String {
    let shown = format!("{route:?}");
    let (_, host) = shown.split_once("host: ").unwrap();
    let (host, _) = host.split_once(", is_secure: ").unwrap();
    host.replace(", port: ", ":")
        .replace("Name(\"", "")
        .replace("Address(", "")
        .replace("\")", "")
        .replace(')', "")
}

#[test]
fn a_server_is_reached_by_its_name_its_address_or_those_that_were_set() {
    let with = |url: &str, set: &[&str]| {
        set.iter().fold(options(url), |options, text| options.address(address(text)))
    };
    for (options, refuses, expected, reached) in [
        (
            with("ws://server.test/a", &[]),
            &[][..],
            &["resolve server.test:80", "dial [2001:db8::1]:80"][..],
            "[2001:db8::1]:80 for server.test:80",
        ),
        (
            with("ws://server.test:8080/a", &[]),
            &["2001:db8::1"],
            &["resolve server.test:8080", "dial [2001:db8::1]:8080", "dial 192.0.2.1:8080"],
            "192.0.2.1:8080 for server.test:8080",
        ),
        (with("ws://192.0.2.7", &[]), &[], &["dial 192.0.2.7:80 only"], "192.0.2.7:80 for 192.0.2.7:80"),
        (with("ws://[::1]:9", &[]), &[], &["dial [::1]:9 only"], "[::1]:9 for ::1:9"),
        // No name is resolved, and the port is that of the address.
        (
            with("ws://nowhere.test", &["192.0.2.5:81"]),
            &[],
            &["dial 192.0.2.5:81 only"],
            "192.0.2.5:81 for nowhere.test:80",
        ),
        (
            with("ws://nowhere.test", &["192.0.2.5:81", "192.0.2.6:82"]),
            &["192.0.2.5"],
            &["dial 192.0.2.5:81", "dial 192.0.2.6:82"],
            "192.0.2.6:82 for nowhere.test:80",
        ),
    ] {
        let (trace, result) = walk(&options, refuses);
        assert_eq!(trace, expected);
        assert_eq!(result.unwrap(), reached);
    }
}

#[test]
fn of_a_proxy_and_a_target_those_names_are_resolved_that_must_be() {
    for (url, proxy, expected, reached) in [
        (
            "ws://server.test/a",
            "http://user:secret@proxy.test:3128",
            &["resolve proxy.test:3128", "dial 192.0.2.9:3128 only"][..],
            "192.0.2.9:3128 for server.test:80",
        ),
        (
            "ws://server.test:81/a",
            "http://192.0.2.8",
            &["dial 192.0.2.8:80 only"],
            "192.0.2.8:80 for server.test:81",
        ),
        (
            "ws://nowhere.test",
            "socks5h://proxy.test",
            &["resolve proxy.test:1080", "dial 192.0.2.9:1080 only"],
            "192.0.2.9:1080 for nowhere.test:80",
        ),
        // The target's first, since the proxy is to be given an address: the resolver's first one.
        (
            "ws://server.test:81",
            "socks5://proxy.test",
            &["resolve server.test:81", "resolve proxy.test:1080", "dial 192.0.2.9:1080 only"],
            "192.0.2.9:1080 for 2001:db8::1:81",
        ),
        (
            "ws://server.test",
            "socks5://[::1]:1081",
            &["resolve server.test:80", "dial [::1]:1081 only"],
            "[::1]:1081 for 2001:db8::1:80",
        ),
        (
            "ws://192.0.2.7",
            "socks5://proxy.test",
            &["resolve proxy.test:1080", "dial 192.0.2.9:1080 only"],
            "192.0.2.9:1080 for 192.0.2.7:80",
        ),
    ] {
        let options = options(url).proxy(proxy);
        let (trace, result) = walk(&options, &[]);
        assert_eq!(trace, expected, "{url} {proxy}");
        assert_eq!(result.unwrap(), reached, "{url} {proxy}");
        // An address that was set is what the proxy is asked for, whichever proxy that is.
        let (trace, result) = walk(&options.address(address("192.0.2.5:82")), &[]);
        assert!(!trace.iter().any(|step| step.contains("server.test")), "{trace:?}");
        assert!(result.unwrap().ends_with(" for 192.0.2.5:82"));
    }
}

#[test]
fn what_is_not_resolved_or_not_reached_says_so_in_its_phase() {
    let of_server =
        "connecting to [2001:db8::1]:80 failed: refused; connecting to 192.0.2.1:80 failed: refused";
    let of_proxy =
        "through socks5h://proxy.test:1080: connecting to the proxy at 192.0.2.9:1080 failed: refused";
    for (url, proxy, refuses, phase, text) in [
        (
            "ws://unknown.test",
            None,
            &[][..],
            OpenPhase::Resolve,
            "the name \"unknown.test\" was not resolved: unknown",
        ),
        (
            "ws://empty.test",
            None,
            &[],
            OpenPhase::Resolve,
            "the name \"empty.test\" was not resolved: it has no address",
        ),
        (
            "ws://server.test",
            Some("http://user:secret@unknown.test"),
            &[],
            OpenPhase::Resolve,
            "through http://unknown.test:80: the proxy's name was not resolved: unknown",
        ),
        (
            "ws://server.test",
            Some("socks5://empty.test"),
            &[],
            OpenPhase::Resolve,
            "through socks5://empty.test:1080: the proxy's name was not resolved: it has no address",
        ),
        // The target's, which a proxy of this scheme is not given.
        (
            "ws://unknown.test",
            Some("socks5://proxy.test"),
            &[],
            OpenPhase::Resolve,
            "the name \"unknown.test\" was not resolved: unknown",
        ),
        ("ws://server.test", None, &["2001:db8::1", "192.0.2.1"], OpenPhase::Connect, of_server),
        (
            "ws://server.test",
            Some("socks5h://user:secret@proxy.test"),
            &["192.0.2.9"],
            OpenPhase::Connect,
            of_proxy,
        ),
    ] {
        let options = options(url);
        let options = match proxy {
            Some(proxy) => options.proxy(proxy),
            None => options,
        };
        let error = walk(&options, refuses).1.unwrap_err();
        assert_eq!(error.phase(), phase, "{error}");
        assert_eq!(error.to_string(), text);
    }
}

/// In a process of its own.
fn walk_through_the_environment(url: &str) {
    let (trace, result) = walk(&options(url).proxy_from_environment(), &[]);
    let end = match result {
        Ok(reached) => reached,
        Err(ConnectError::Proxy { source: error, .. }) => format!("error {error}"),
        Err(error) => format!("other error {error:?}"),
    };
    tell_parent(&format!("{}; {end}", trace.join(", ")));
}

#[test]
fn the_environment_names_the_proxy_when_it_is_asked() {
    if let Some(url) = child_url() {
        return walk_through_the_environment(&url);
    }
    let proxy = ("http_proxy", "http://proxy.test:3128");
    let direct = "resolve server.test:80, dial [2001:db8::1]:80; [2001:db8::1]:80 for server.test:80";
    let through = "resolve proxy.test:3128, dial 192.0.2.9:3128 only; 192.0.2.9:3128 for server.test:80";
    for (variables, expected) in [
        (&[][..], direct),
        (&[proxy][..], through),
        (&[proxy, ("NO_PROXY", "server.test")], direct),
        (&[proxy, ("NO_PROXY", ".test:80")], direct),
        (&[proxy, ("NO_PROXY", "test:81")], through),
        (&[("ALL_PROXY", "192.0.2.9")], "dial 192.0.2.9:80 only; 192.0.2.9:80 for server.test:80"),
        (
            &[("ALL_PROXY", "socks5://192.0.2.9")],
            "resolve server.test:80, dial 192.0.2.9:1080 only; 192.0.2.9:1080 for 2001:db8::1:80",
        ),
        (&[("HTTPS_PROXY", "http://proxy.test")], direct),
    ] {
        assert_eq!(run_child("ws://server.test", variables), expected, "{variables:?}");
    }
    let bad = run_child("ws://server.test", &[("ALL_PROXY", "ftp://user:secret@proxy.test")]);
    assert!(bad.starts_with("; error the variable ALL_PROXY:"), "{bad}");
}

/// A client that took it for "no proxy" would go past a proxy that it must use.
#[cfg(unix)]
#[test]
fn a_variable_that_cannot_be_read_is_an_error() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;

    if let Some(url) = child_url() {
        return walk_through_the_environment(&url);
    }
    let text = |text: &'static str| OsStr::new(text);
    let (latin, proxy) = (OsStr::from_bytes(b"http://pr\xfcxy.test"), text("http://192.0.2.9"));
    let through = "dial 192.0.2.9:80 only; 192.0.2.9:80 for server.test:80";
    let direct = "resolve server.test:80, dial [2001:db8::1]:80; [2001:db8::1]:80 for server.test:80";
    for (variables, expected) in [
        (&[("http_proxy", latin)][..], "; error the variable http_proxy is not UTF-8"),
        (&[("HTTP_PROXY", latin), ("all_proxy", proxy)], "; error the variable HTTP_PROXY is not UTF-8"),
        (&[("ALL_PROXY", latin)], "; error the variable ALL_PROXY is not UTF-8"),
        (&[("all_proxy", proxy), ("NO_PROXY", latin)], "; error the variable NO_PROXY is not UTF-8"),
        // A variable that does not count may hold anything.
        (&[("http_proxy", proxy), ("HTTP_PROXY", latin)], through),
        (&[("HTTPS_PROXY", latin)], direct),
        (&[("no_proxy", latin)], direct),
        // CVE-2016-5385: its presence counts, not its value.
        (&[("HTTP_PROXY", proxy), ("REQUEST_METHOD", latin)], direct),
    ] {
        assert_eq!(run_child("ws://server.test", variables), expected, "{variables:?}");
    }
}

#[cfg(not(any(feature = "ring", feature = "aws-lc-rs")))]
#[test]
fn a_build_without_tls_says_so_before_anything_is_sent() {
    if let Some(url) = child_url() {
        return walk_through_the_environment(&url);
    }
    assert!(matches!(ConnectOptions::new("wss://server.test").build(), Err(ConnectError::TlsUnsupported)));
    let proxied = options("ws://server.test").proxy("https://proxy.test");
    assert!(matches!(proxied.build(), Err(ConnectError::TlsUnsupported)));
    let way = run_child("ws://server.test", &[("ALL_PROXY", "https://proxy.test")]);
    assert_eq!(way, "; other error TlsUnsupported");
}

/// A name may have another address by the time of the next attempt.
#[test]
fn each_attempt_of_a_client_resolves_its_name_again() {
    const MINUTE: Duration = Duration::from_secs(60);
    for (proxy, name, port) in
        [(None, "server.test", 80), (Some("http://proxy.test:8080"), "proxy.test", 8080)]
    {
        let builder = client("ws://server.test/");
        let builder = proxy.into_iter().fold(builder, |builder, proxy| builder.proxy(proxy));
        let far = move || match proxy {
            None => Far::plain(),
            Some(_) => Far::plain().behind(Proxy::new(http(200))),
        };
        // The first attempt is refused, and the next connection breaks.
        let mut life = Life::new(builder, move |attempt| (attempt > 0).then(far));
        life.rebinds = Some((name, vec![[192, 0, 2, 7].into()]));
        life.advance(MINUTE);
        let resolve = format!("resolve {name}:{port}");
        let dial = |host: u8| format!("dial 192.0.2.{host}:{port}");
        assert_eq!(life.steps, [resolve.clone(), dial(1), resolve.clone(), dial(7)]);
        assert_eq!(life.trace().last().unwrap(), "open");
        life.names = vec![(name, vec![[192, 0, 2, 8].into()])];
        life.cut();
        life.advance(MINUTE);
        assert_eq!(life.steps[4..], [resolve, dial(8)]);
        assert_eq!(life.trace().last().unwrap(), "open");
    }
}
