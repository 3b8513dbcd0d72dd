//! Who is told what, in the clear.

use ws_common::session::{ClientBuilder, Session};

use crate::far::Far;
use crate::life::{Life, client};
use crate::proxy::{Proxy, guarded_socks, http, socks};
use crate::support::{CUTS, WHOLE, child_url, opened, options, run_child, settle, tell_parent};

#[test]
fn a_proxy_is_told_where_to_and_its_own_credentials_and_nothing_else() {
    let target = "ws://me:target-secret@server.test:8080/path-secret?query-secret";
    let basic = "Proxy-Authorization: Basic dXNlcjpzZWNyZXQ=\r\n";
    let connect = "CONNECT server.test:8080 HTTP/1.1\r\nHost: server.test:8080\r\n";
    for (url, script, expected) in [
        ("http://proxy.test:3128", http(200), format!("{connect}\r\n")),
        ("http://user:secret@proxy.test", http(200), format!("{connect}{basic}\r\n")),
        ("socks5h://proxy.test", socks(0), "\x05\x01\0\x05\x01\0\x03\x0bserver.test\x1f\u{90}".into()),
        (
            "socks5h://user:secret@proxy.test",
            guarded_socks(0),
            "\x05\x02\0\x02\x01\x04user\x06secret\x05\x01\0\x03\x0bserver.test\x1f\u{90}".into(),
        ),
        ("socks5://proxy.test", socks(0), "\x05\x01\0\x05\x01\0\x01\u{c0}\0\x02\x01\x1f\u{90}".into()),
    ] {
        for cut in CUTS {
            let options = options(target).header("Cookie", "cookie-secret").proxy(url);
            let mut far = Far::plain().behind(Proxy::new(script.clone()));
            opened(&options, &mut far, cut);
            let asked: String =
                far.proxy.as_ref().unwrap().asked.iter().map(|&byte| char::from(byte)).collect();
            assert_eq!(asked, expected, "{url}");
            // And the server nothing of the proxy.
            assert_eq!(far.server.header("Host"), Some("server.test:8080"));
            assert_eq!(far.server.header("Proxy-Authorization"), None);
            assert_eq!(far.server.header("Cookie"), Some("cookie-secret"));
            let request = far.server.request.as_ref().unwrap();
            assert_eq!(request.target(), "/path-secret?query-secret");
            let values: Vec<_> = request.headers().iter().map(|(_, value)| value).collect();
            assert!(!values.iter().any(|value| value.contains("dXNlcjpzZWNyZXQ") || value.contains("proxy")));
            assert!(!format!("{options:?}").contains("target-secret"), "{options:?}");
        }
    }
}

#[test]
fn a_server_may_be_told_another_host_than_the_proxy_is() {
    let options = options("ws://server.test").header("Host", "other.test");
    let mut far = Far::plain().behind(Proxy::new(http(200)));
    let mut client = opened(&options.proxy("http://proxy.test"), &mut far, WHOLE).connection;
    far.server.connection().send("hello").unwrap();
    assert_eq!(settle(&mut client, &mut far, WHOLE), ["hello"]);
    assert_eq!(far.server.header("Host"), Some("other.test"));
    assert!(far.asked().starts_with("CONNECT server.test:80 "));
}

/// A client that has much to tell, and follows redirects.
fn talkative(url: &str) -> ClientBuilder<Session> {
    client(url)
        .header("Authorization", "Bearer target-secret")
        .header("Cookie", "cookie-secret")
        .header("X-Token", "token-secret")
        .header("User-Agent", "test")
        .origin("https://page.test")
        .subprotocol("chat")
        .max_redirects(5)
}

/// Follows the redirects, and gives the requests.
fn follow(builder: ClientBuilder<Session>, locations: &'static [&'static str], via: Option<&str>) -> Life {
    let proxied = via.is_some();
    let builder = match via {
        Some(proxy) => builder.proxy(proxy),
        None => builder,
    };
    let mut life = Life::new(builder, move |n| {
        let far = locations.get(n).map_or_else(Far::plain, |location| Far::plain().redirect(location));
        Some(if proxied { far.behind(Proxy::new(http(200))) } else { far })
    });
    life.settle();
    life
}

#[test]
fn to_another_origin_goes_nothing_that_was_meant_for_the_first() {
    for (url, location, is_same) in [
        ("ws://server.test/a", "/b", true),
        ("ws://server.test/a", "ws://server.test:80/b", true),
        ("ws://server.test/a", "http://SERVER.test/b", true),
        ("ws://server.test/a", "ws://server.test:81/b", false),
        ("ws://server.test/a", "ws://other.test/b", false),
        ("ws://server.test/a", "//other.test/b", false),
        ("ws://server.test/a", "ws://a.server.test/b", false),
        ("ws://192.0.2.1/a", "ws://192.0.2.2/b", false),
    ] {
        let location: &'static [&'static str] = Box::leak(Box::new([location]));
        let mut life = follow(talkative(url), location, None);
        assert_eq!(life.trace(), ["connected", "connected", "open"], "{location:?}");
        let first = &life.fars[0].server;
        assert_eq!(first.header("Authorization"), Some("Bearer target-secret"));
        let second = &life.fars[1].server;
        assert_eq!(second.request.as_ref().unwrap().target(), "/b");
        for name in ["Authorization", "Cookie", "X-Token"] {
            assert_eq!(second.header(name).is_some(), is_same, "{name} to {location:?}");
        }
        // Tokens travel in subprotocols, too.
        assert_eq!(second.header("Sec-WebSocket-Protocol"), is_same.then_some("chat"), "{location:?}");
        for (name, value) in [("User-Agent", "test"), ("Origin", "https://page.test")] {
            assert_eq!(second.header(name), Some(value), "{name} to {location:?}");
        }
        assert!(!String::from_utf8_lossy(&life.fars[1].heard).contains("secret") || is_same);
    }
}

#[test]
fn what_was_left_behind_does_not_come_back_with_the_first_origin_and_counts_again_at_the_next_attempt() {
    let mut life =
        follow(talkative("ws://server.test/a"), &["ws://other.test/b", "ws://server.test/c"], None);
    assert_eq!(life.trace(), ["connected", "connected", "connected", "open"]);
    assert_eq!(life.fars[2].server.header("Host"), Some("server.test"));
    for name in ["Authorization", "Sec-WebSocket-Protocol"] {
        assert_eq!(life.fars[2].server.header(name), None, "{name}");
    }
    life.cut();
    life.advance(std::time::Duration::from_secs(60));
    assert_eq!(life.fars[3].server.header("Authorization"), Some("Bearer target-secret"));
}

#[test]
fn credentials_in_the_location_are_ignored() {
    for (url, locations, expected) in [
        ("ws://server.test", &["ws://me:pw@other.test/b"][..], None),
        ("ws://server.test", &["//me:pw@other.test/b", "/c"], None),
        ("ws://server.test", &["ws://me:pw@server.test/b"], None),
        ("ws://user:secret@server.test", &["ws://me:pw@server.test/b"], Some("Basic dXNlcjpzZWNyZXQ=")),
    ] {
        let life = follow(client(url).max_redirects(5), locations, None);
        let last = &life.fars.last().unwrap().server;
        assert_eq!(life.fars.len(), locations.len() + 1);
        assert_eq!(last.header("Authorization"), expected, "{url} {locations:?}");
        assert!(last.request.as_ref().unwrap().target().len() == 2);
    }
}

#[test]
fn a_redirect_to_another_origin_is_not_followed_where_a_subprotocol_is_required() {
    for (location, requests) in [("/b", 2), ("ws://other.test/b", 1)] {
        let locations: &'static [&'static str] = Box::leak(Box::new([location]));
        let mut life = follow(talkative("ws://server.test/a").require_subprotocol(true), locations, None);
        assert_eq!(life.fars.len(), requests, "{location}");
        if requests == 1 {
            assert_eq!(life.trace(), ["connected", "error handshake", "closed 1006 broken peer"]);
        }
    }
}

#[test]
fn an_address_that_was_set_apart_is_that_of_the_first_origin_only() {
    let builder = || talkative("ws://server.test").address(crate::support::address("192.0.2.7:81"));
    let life = follow(builder(), &["/b", "ws://other.test/c"], None);
    assert_eq!(
        life.steps,
        ["dial 192.0.2.7:81", "dial 192.0.2.7:81", "resolve other.test:80", "dial 192.0.2.1:80"]
    );
}

#[test]
fn a_proxy_that_was_set_is_asked_for_every_target_with_its_credentials() {
    let life =
        follow(talkative("ws://server.test"), &["ws://other.test/b"], Some("http://user:secret@proxy.test"));
    for (far, host) in life.fars.iter().zip(["server.test", "other.test"]) {
        assert!(far.asked().starts_with(&format!("CONNECT {host}:80 ")));
        assert!(far.asked().contains("Proxy-Authorization: Basic dXNlcjpzZWNyZXQ="));
        assert_eq!(far.server.header("Proxy-Authorization"), None);
    }
}

/// In a process of its own.
fn follow_through_the_environment(url: &str) {
    let locations: &[&str] = &["/b", "ws://other.test/c", "ws://third.test/d"];
    let builder = talkative(url).proxy_from_environment();
    let mut life = Life::new(builder, move |n| {
        Some(match locations.get(n) {
            // The second target is exempt.
            Some(location) if n < 2 => Far::plain().redirect(location).behind(Proxy::new(http(200))),
            Some(location) => Far::plain().redirect(location),
            None => Far::plain().behind(Proxy::new(http(200))),
        })
    });
    life.settle();
    assert_eq!(life.trace().last().map(String::as_str), Some("open"));
    let asked: Vec<_> =
        life.fars.iter().map(|far| far.asked().split(' ').nth(1).map_or("-".into(), str::to_owned)).collect();
    tell_parent(&format!("{} {}", life.steps.join(", "), asked.join(", ")));
}

#[test]
fn after_a_redirect_the_environment_is_asked_about_the_new_target() {
    if let Some(url) = child_url() {
        return follow_through_the_environment(&url);
    }
    let told = run_child(
        "ws://server.test/a",
        &[("http_proxy", "http://user:secret@proxy.test"), ("no_proxy", "other.test")],
    );
    let proxy = "resolve proxy.test:80, dial 192.0.2.1:80";
    let direct = "resolve other.test:80, dial 192.0.2.1:80";
    let asked = "server.test:80, server.test:80, -, third.test:80";
    assert_eq!(told, format!("{proxy}, {proxy}, {direct}, {proxy} {asked}"));
}

#[test]
fn a_host_that_was_set_is_that_of_the_first_origin_only() {
    let builder = || client("ws://server.test").header("Host", "front.test").max_redirects(3);
    let life = follow(builder(), &["/b", "ws://other.test/c"], None);
    let hosts: Vec<_> = life.fars.iter().map(|far| far.server.header("Host").unwrap()).collect();
    assert_eq!(hosts, ["front.test", "front.test", "other.test"]);
}
