//! A redirect from a public address does not lead to a private, loopback or link-local one.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::far::Far;
use crate::life::{Life, client};
use crate::proxy::{Proxy, http, socks};

const NOT_FOLLOWED: [&str; 3] = ["connected", "error handshake", "closed 1006 broken us"];

/// Follows these redirects. `private.test` and `mixed.test` have private addresses, all other names have public ones.
fn follow(url: &str, proxy: Option<&'static str>, locations: &'static [&'static str]) -> Life {
    let builder = client(url).max_redirects(5);
    let builder = match proxy {
        Some(proxy) => builder.proxy(proxy),
        None => builder,
    };
    let mut life = Life::new(builder, move |n| {
        let far = locations.get(n).map_or_else(Far::plain, |location| Far::plain().redirect(location));
        Some(match proxy {
            None => far,
            Some(url) if url.starts_with("http") => far.behind(Proxy::new(http(200))),
            Some(_) => far.behind(Proxy::new(socks(0))),
        })
    });
    let (inner, public) = ([10, 0, 0, 1].into(), [192, 0, 2, 5].into());
    let unspecified: [IpAddr; 3] = [
        Ipv4Addr::UNSPECIFIED.into(),
        Ipv6Addr::UNSPECIFIED.into(),
        Ipv4Addr::UNSPECIFIED.to_ipv6_mapped().into(),
    ];
    life.names = vec![
        ("private.test", vec![inner]),
        ("mixed.test", vec![inner, unspecified[0], public]),
        ("zero.test", vec![unspecified[0]]),
        ("zero6.test", vec![unspecified[1]]),
        ("mapped.test", vec![unspecified[2]]),
    ];
    life.settle();
    life
}

#[test]
fn an_address_in_the_location() {
    for location in [
        &["ws://10.0.0.1/"],
        &["ws://172.16.0.1/"],
        &["ws://192.168.0.1/"],
        &["ws://127.0.0.1/"],
        &["ws://127.255.0.1/"],
        &["ws://169.254.169.254/"],
        &["ws://[::1]/"],
        &["ws://[fd00::1]/"],
        &["ws://[fe80::1]/"],
        &["ws://[::ffff:10.0.0.1]/"],
        // This network, RFC 6598, and site-local addresses.
        &["ws://0.0.0.1/"],
        &["ws://100.64.0.1/"],
        &["ws://100.127.255.1/"],
        &["ws://[fec0::1]/"],
        // IPv4 within IPv6: compatible, NAT64 (RFC 6052, RFC 8215), 6to4 (RFC 3056).
        &["ws://[::10.0.0.1]/"],
        &["ws://[64:ff9b::a00:1]/"],
        &["ws://[64:ff9b::a9fe:a9fe]/"],
        &["ws://[64:ff9b:1::1]/"],
        &["ws://[2002:a00:1::1]/"],
    ] {
        for proxy in
            [None, Some("http://proxy.test"), Some("socks5://proxy.test"), Some("socks5h://proxy.test")]
        {
            let mut life = follow("ws://server.test", proxy, location);
            assert_eq!(life.trace(), NOT_FOLLOWED, "{location:?} {proxy:?}");
            assert_eq!(life.fars.len(), 1, "{location:?} {proxy:?}");
        }
        let mut life = follow("ws://10.9.9.9", None, location);
        assert_eq!(life.trace(), ["connected", "connected", "open"], "{location:?}");
    }
    let mut life = follow("ws://server.test", None, &["ws://192.0.2.9/", "ws://[64:ff9b::c000:209]/"]);
    assert_eq!(life.trace(), ["connected", "connected", "connected", "open"]);
}

#[test]
fn a_name_in_the_location() {
    let refused = &NOT_FOLLOWED[..];
    let opened = &["connected", "connected", "open"];
    for (url, proxy, location, trace, last) in [
        ("ws://server.test", None, &["ws://private.test/"], refused, "resolve private.test:80"),
        // The system takes an unspecified address for this machine.
        ("ws://server.test", None, &["ws://zero.test/"], refused, "resolve zero.test:80"),
        ("ws://server.test", None, &["ws://zero6.test/"], refused, "resolve zero6.test:80"),
        ("ws://server.test", None, &["ws://mapped.test/"], refused, "resolve mapped.test:80"),
        ("ws://server.test", None, &["ws://mixed.test/"], opened, "dial 192.0.2.5:80"),
        ("ws://private.test", None, &["ws://private.test:81/"], opened, "dial 10.0.0.1:81"),
        ("ws://private.test", None, &["/b"], opened, "dial 10.0.0.1:80"),
        // Names that are resolved for the proxy.
        (
            "ws://server.test",
            Some("socks5://192.0.2.77"),
            &["ws://private.test/"],
            refused,
            "resolve private.test:80",
        ),
        // Names that only the proxy resolves.
        (
            "ws://server.test",
            Some("http://192.0.2.77"),
            &["ws://private.test/"],
            opened,
            "dial 192.0.2.77:80",
        ),
        // The address of the proxy is the user's choice.
        ("ws://server.test", Some("http://10.0.0.7"), &["ws://other.test/"], opened, "dial 10.0.0.7:80"),
    ] {
        let mut life = follow(url, proxy, location);
        assert_eq!(life.trace(), trace, "{url} {location:?}");
        assert_eq!(life.steps.last().unwrap(), last, "{url} {location:?}");
    }
}

#[test]
fn the_last_step_decides_and_a_public_step_is_not_forgotten() {
    let mut life = follow("ws://10.0.0.1", None, &["ws://192.0.2.9/", "ws://10.0.0.2/"]);
    assert_eq!(life.trace()[2..], ["error handshake", "closed 1006 broken us"]);
    assert_eq!(life.fars.len(), 2);
}

/// The name may have another address at each step.
#[test]
fn the_same_origin_with_a_private_address_that_comes_later() {
    let mut life = Life::new(client("ws://server.test").max_redirects(1), |n| {
        Some(if n == 0 { Far::plain().redirect("/b") } else { Far::plain() })
    });
    life.rebinds = Some(("server.test", vec![[127, 0, 0, 1].into()]));
    life.settle();
    assert_eq!(life.trace(), NOT_FOLLOWED);
}

#[test]
fn an_address_that_was_set_is_the_users_choice() {
    let builder = client("ws://10.0.0.1").address(crate::support::address("192.0.2.7:80")).max_redirects(1);
    let mut life =
        Life::new(builder, |n| Some(if n == 0 { Far::plain().redirect("/b") } else { Far::plain() }));
    life.settle();
    assert_eq!(life.trace(), ["connected", "connected", "open"]);
}
