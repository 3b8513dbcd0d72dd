//! Through proxies, in the clear: what they are told, what comes through, and how they are no help.

use std::time::Duration;

use ws_common::{
    ClientUpgrade, ConnectError, OpenPhase,
    proxy::{ProxyError, ProxyStep, Socks5Reply},
    reconnect::Reconnect,
};
use ws_core::{Event, HandshakeError, Machine, Random, ResponseError, TransportError};

use crate::far::{Far, Limit, Server};
use crate::life::{Life, client};
use crate::proxy::{Proxy, Script, guarded_socks, http, socks};
use crate::support::{
    CUTS, DEADLINE, WHOLE, assert_over, at, check_text, checked, failed, feed, open, opened, opening,
    options, route, settle, turn, write_some,
};

/// Each kind of proxy that is spoken to in the clear: its URL, and what it says.
fn kinds() -> [(&'static str, Script); 5] {
    [
        ("http://proxy.test", http(200)),
        ("http://user:secret@proxy.test:3128", http(299)),
        ("socks5://proxy.test", socks(0)),
        ("socks5h://proxy.test", socks(0)),
        ("socks5h://user:secret@proxy.test", guarded_socks(0)),
    ]
}

#[test]
fn a_connection_opens_however_its_bytes_are_cut_and_a_frame_behind_the_response_is_kept() {
    for cut in CUTS {
        for (proxy, script) in
            [(None, Script::Silence)].into_iter().chain(kinds().map(|(url, s)| (Some(url), s)))
        {
            let mut options = options("ws://server.test/feed");
            let mut far = Far::plain().greeting("early");
            if let Some(proxy) = proxy {
                options = options.proxy(proxy);
                far = far.behind(Proxy::new(script));
            }
            let opened = opened(&options, &mut far, cut);
            assert_eq!(opened.response.status(), 101);
            let mut client = opened.connection;
            client.inner_mut().send("hello").unwrap();
            assert_eq!(settle(&mut client, &mut far, cut), ["early"], "{proxy:?} {cut:?}");
            assert_eq!(far.server.received, ["hello"], "{proxy:?} {cut:?}");
            client.inner_mut().close(ws_core::CloseCode::NORMAL, at(2));
            assert_eq!(settle(&mut client, &mut far, cut), ["closed 1000 true"], "{proxy:?} {cut:?}");
        }
    }
}

#[test]
fn everything_may_come_in_one_segment_even_before_the_proxy_was_told_anything() {
    for (url, script) in kinds() {
        let options = options("ws://server.test/feed").proxy(url);
        let mut far = Far::plain().greeting("early").behind(Proxy::new(script));
        opened(&options, &mut far, WHOLE);
        // The same seed makes the same key, so that the answer is right again.
        let mut opening = opening(&options);
        feed(&mut opening, &far.said, at(1));
        let opened = loop {
            match opening.poll_event().unwrap() {
                Some(opened) => break opened,
                None => assert!(!write_some(&mut opening, 5, at(1)).is_empty(), "{url}"),
            }
        };
        let mut connection = opened.connection;
        assert!(matches!(connection.poll_event(), Ok(Some(Event::Message(_)))));
    }
}

#[test]
fn an_end_of_the_stream_right_behind_the_response_is_not_lost() {
    let mut far = Far::plain().greeting("early").behind(Proxy::new(http(200)));
    let options = options("ws://server.test").proxy("http://proxy.test");
    let mut opening = opening(&options);
    while turn(&mut opening, &mut far, WHOLE, at(1)) && far.server.request.is_none() {
        assert!(matches!(opening.poll_event(), Ok(None)));
    }
    turn(&mut opening, &mut far, WHOLE, at(1));
    opening.handle_read(0, at(1));
    let mut connection = opening.poll_event().unwrap().unwrap().connection;
    assert!(matches!(connection.poll_event(), Ok(Some(Event::Message(_)))));
    assert!(connection.poll_event().is_err());
    assert!(matches!(connection.poll_event(), Ok(Some(Event::Closed(closed))) if closed.code == 1006));
}

fn is_proxys(error: &ConnectError, check: fn(&ProxyError) -> bool) -> bool {
    matches!(error, ConnectError::Proxy { source, .. } if check(source))
}

/// A proxy that takes addresses is asked for another one if the first was of no use; and so is another address of the proxy.
#[test]
fn what_failed_behind_a_proxy_is_tried_last() {
    let builder = client("ws://server.test").reconnect(Reconnect::after(Duration::from_secs(1)));
    let builder = builder.proxy("socks5://proxy.test");
    let mut life = Life::new(builder, |_| Some(Far::plain().behind(Proxy::new(socks(4)))));
    life.addresses = 2;
    life.advance(Duration::from_secs(4));
    let dialed: Vec<_> = life.steps.iter().filter(|step| step.starts_with("dial")).cloned().collect();
    let turns = ["dial 192.0.2.1:1080", "dial 192.0.2.2:1080"];
    assert_eq!(dialed[..4], [turns, turns].concat());
    // RFC 1928 §4: after the greeting of three bytes, the request with an IPv4 address.
    let asked: Vec<_> = life.fars.iter().map(|far| far.heard[7..11].to_vec()).collect();
    assert_eq!(asked[..4], [[192, 0, 2, 1], [192, 0, 2, 2], [192, 0, 2, 1], [192, 0, 2, 2]]);
}

#[test]
fn a_proxy_that_refuses_is_a_typed_error_and_only_some_pass() {
    type Check = fn(&ProxyError) -> bool;
    let refused: Check = |error| matches!(error, ProxyError::Refused(_));
    let asks: Check =
        |error| matches!(error, ProxyError::AuthenticationRequired { had_credentials: false, .. });
    let refuses: Check =
        |error| matches!(error, ProxyError::AuthenticationRequired { had_credentials: true, .. });
    let reply: Check = |error| matches!(error, ProxyError::Reply(_));
    let (plain, user) = ("http://proxy.test", "http://user:secret@proxy.test");
    let (socks_plain, socks_user) = ("socks5h://proxy.test", "socks5h://user:secret@proxy.test");
    let method = |method| Script::Method(method, Box::new(Script::End));
    let mut cases: Vec<(&str, Script, Check, bool)> = vec![
        (plain, http(407), asks, false),
        (user, http(407), refuses, false),
        (plain, http(301), refused, false),
        (plain, http(101), refused, false),
        (plain, Script::Http("SSH-2.0-x\r\n".into()), |error| matches!(error, ProxyError::NotHttp(_)), false),
        (
            plain,
            Script::Http("HTTP/1.1 2".into()),
            |error| matches!(error, ProxyError::UnexpectedEof(10)),
            true,
        ),
        (plain, Script::End, |error| matches!(error, ProxyError::UnexpectedEof(0)), true),
        (socks_plain, Script::End, |error| matches!(error, ProxyError::UnexpectedEof(0)), true),
        (
            socks_plain,
            method(255),
            |error| matches!(error, ProxyError::NoAcceptableMethod { had_credentials: false }),
            false,
        ),
        (
            socks_user,
            method(255),
            |error| matches!(error, ProxyError::NoAcceptableMethod { had_credentials: true }),
            false,
        ),
        (socks_plain, method(1), |error| matches!(error, ProxyError::Method(1)), false),
        (
            socks_plain,
            Script::Raw("HTTP/1.1 400 No\r\n\r\n"),
            |error| matches!(error, ProxyError::Version { seen: b'H', .. }),
            false,
        ),
        (socks_user, guarded_socks(1), |error| matches!(error, ProxyError::CredentialsRefused(1)), false),
    ];
    for status in [400, 403, 404, 405, 408, 425, 429, 500, 501, 502, 503, 504, 505, 507, 520] {
        let is_passing = matches!(status, 408 | 425 | 429 | 500 | 502..=504 | 507 | 520);
        cases.push((plain, http(status), refused, is_passing));
    }
    for code in 1..=9 {
        cases.push((socks_plain, socks(code), reply, matches!(code, 1 | 3..=6)));
    }
    for (url, script, check, is_passing) in cases {
        for cut in CUTS {
            let mut far = Far::plain().behind(Proxy::new(script.clone()));
            let options = options("ws://server.test").proxy(url);
            let error = failed(&mut opening(&options), &mut far, cut);
            assert_eq!(error.phase(), OpenPhase::Proxy);
            let end = ws_common::reconnect::DisconnectReason::Failed(&error);
            assert_eq!(end.is_transient(), is_passing, "{error}");
            let is_final = [asks, refuses].iter().any(|check| is_proxys(&error, *check))
                || is_proxys(&error, |error| matches!(error, ProxyError::NoAcceptableMethod { .. }))
                || is_proxys(&error, |error| matches!(error, ProxyError::CredentialsRefused(_)));
            assert_eq!(end.is_final(), is_final, "{error}");
            let ConnectError::Proxy { source: error, .. } = &error else { panic!("{error:?}") };
            assert!(check(error), "{script:?}: {error:?}");
            assert!(far.server.request.is_none());
        }
    }
    assert_eq!(Socks5Reply::from(2), Socks5Reply::NotAllowed);
}

#[test]
fn a_proxy_or_a_server_that_dies_says_in_which_phase_at_every_byte() {
    for (url, script) in kinds() {
        let options = options("ws://server.test/feed").proxy(url);
        let mut whole = Far::plain().behind(Proxy::new(script.clone()));
        opened(&options, &mut whole, WHOLE);
        let by_proxy =
            if url.starts_with("http") { "HTTP/1.1 200 Said\r\nX-Proxy: yes\r\n\r\n".len() } else { 12 };
        let by_proxy = if url.starts_with("socks5h://user") { by_proxy + 2 } else { by_proxy };
        for n in 0..whole.said.len() {
            for cut in [WHOLE, CUTS[3]] {
                let mut far = Far::plain().behind(Proxy::new(script.clone())).limit(Limit::Ends(n));
                let error = failed(&mut opening(&options), &mut far, cut);
                assert!(ws_common::reconnect::DisconnectReason::Failed(&error).is_transient(), "{error}");
                let phase = if n < by_proxy { OpenPhase::Proxy } else { OpenPhase::Handshake };
                assert_eq!(error.phase(), phase, "{url} {n}: {error}");
            }
        }
    }
}

/// What is waited for of such a proxy, when so many bytes came.
fn waited_for(url: &str, bytes: usize) -> ProxyStep {
    match bytes {
        _ if url.starts_with("http") => ProxyStep::Response,
        0..2 => ProxyStep::Method,
        2..4 if url.starts_with("socks5h://user") => ProxyStep::Credentials,
        _ => ProxyStep::Reply,
    }
}

#[test]
fn a_proxy_or_a_server_that_stalls_costs_the_time_to_open_at_every_byte() {
    for (url, script) in kinds() {
        let options = options("ws://server.test/feed").proxy(url);
        let mut whole = Far::plain().behind(Proxy::new(script.clone()));
        opened(&options, &mut whole, WHOLE);
        for n in 0..whole.said.len() {
            let mut far = Far::plain().behind(Proxy::new(script.clone())).limit(Limit::Stalls(n));
            let mut opening = opening(&options);
            assert!(open(&mut opening, &mut far, WHOLE).is_none(), "{url} {n}");
            assert_eq!(opening.poll_timeout(), Some(DEADLINE));
            opening.handle_timeout(at(9));
            assert!(matches!(opening.poll_event(), Ok(None)));
            opening.handle_timeout(DEADLINE);
            let error = opening.poll_event().unwrap_err();
            check_text(&error);
            assert!(ws_common::reconnect::DisconnectReason::Failed(&error).is_transient());
            match error {
                ConnectError::Proxy { proxy, source: ProxyError::Timeout { step, .. } } => {
                    assert!(far.server.request.is_none());
                    assert_eq!(step, waited_for(url, n), "{url} {n}");
                    assert!(proxy.unwrap().credentials().is_none());
                }
                ConnectError::Timeout { phase: OpenPhase::Handshake, .. } => {
                    assert!(far.server.request.is_some());
                }
                other => panic!("{other:?}"),
            }
            assert_over(&mut opening);
        }
    }
}

#[test]
fn what_broke_the_transport_is_the_reason_in_its_phase() {
    let options = options("ws://server.test").proxy("http://proxy.test");
    for broken in [TransportError::read("reset"), TransportError::write("reset")] {
        let is_write = broken.direction() == ws_core::Direction::Write;
        let mut opening = opening(&options);
        opening.handle_error(broken, at(1));
        if is_write {
            // What the proxy said last would be worth more.
            assert!(matches!(opening.poll_event(), Ok(None)));
            opening.handle_read(0, at(1));
        }
        let error = opening.poll_event().unwrap_err();
        assert!(matches!(error, ConnectError::Proxy { source: ProxyError::Transport(_), .. }), "{error:?}");
    }
}

#[test]
fn a_proxy_that_keeps_silent_is_named_with_what_was_waited_for_and_a_hint() {
    for (url, text) in [
        (
            "http://user:secret@proxy.test:3128",
            "through http://proxy.test:3128: the proxy did not answer CONNECT in 10s (open_timeout); \
             is it an HTTP proxy, and does it reach the target?",
        ),
        (
            "socks5h://user:secret@192.0.2.9",
            "through socks5h://192.0.2.9:1080: the proxy did not answer the greeting of SOCKS5 in 10s (open_timeout); \
             is it a SOCKS proxy?",
        ),
    ] {
        let options = options("ws://server.test").proxy(url);
        let mut opening = opening(&options);
        assert!(open(&mut opening, &mut Far::plain().behind(Proxy::new(Script::Silence)), WHOLE).is_none());
        opening.handle_timeout(DEADLINE);
        let error = opening.poll_event().unwrap_err();
        check_text(&error);
        assert_eq!(error.to_string(), text);
    }
}

#[test]
fn a_server_that_speaks_something_else_behind_a_proxy_is_the_handshakes_matter() {
    let mut far = Far::new(Server::raw("SSH-2.0-x\r\n", false)).behind(Proxy::new(http(200)));
    let options = options("ws://server.test").proxy("http://proxy.test");
    let error = failed(&mut opening(&options), &mut far, WHOLE);
    assert!(matches!(
        error,
        ConnectError::Handshake { source: HandshakeError::Response(ResponseError::NotHttp(_)), .. }
    ));
}

#[test]
fn a_name_that_no_proxy_can_be_given_is_an_error_before_anything_is_sent() {
    let name = format!("ws://{}.test", ["a"; 130].join("."));
    let options = options(&name).proxy("socks5h://proxy.test");
    let error = ClientUpgrade::new(&checked(&options), &route(&options), Random::from_seed([1; 32]), at(10))
        .unwrap_err();
    assert!(matches!(error, ConnectError::Proxy { source: ProxyError::NameTooLong(_), .. }), "{error:?}");
}
