//! How opening fails: errors that have seen a secret.

use std::io;

use ws_common::connector::Route;
use ws_common::proxy::{Proxy, ProxyError, ProxyRefusal, ProxyUrlError};
use ws_common::reconnect::{Cause, DisconnectReason, GiveUp};
use ws_common::redirect::{RedirectDecision, RedirectRefused, RedirectStep};
use ws_common::session::{ClientError, ClientEvent};
use ws_common::tls::{TlsAcceptor, TlsConfigError, TlsError, TlsFailure, TlsOptions};
use ws_common::{
    AcceptError, ConnectError, ConnectOptions, ConnectTimeout, ServerUpgrade, Target, TargetError,
    WebSocketError,
};
use ws_core::{Machine, TransportError};

use crate::common::{accept_options, address, options, proxied, upgrade};
use crate::core::{NOW, WORDS, close_frame, closed, feed, random, redirect, said, wrong_answers};
use crate::exhibition::Exhibition;
use crate::planted::{FIELD, HEADER, KEY, LOCATION, PASSWORD, PROXY_PASSWORD, PROXY_USER, QUERY, USER};
use suite::tls::SITE;

/// The reports of a client about a failed attempt.
fn attempt(exhibition: &mut Exhibition, error: ConnectError) {
    exhibition.error(&error);
    let reason = DisconnectReason::Failed(&error);
    exhibition.debug(&reason);
    let cause = Cause::from(&reason);
    exhibition.both(&cause);
    for reason in [GiveUp::NotRetried(cause.clone()), GiveUp::Stopped(cause.clone())] {
        exhibition.error(&reason);
        exhibition.both(&ClientEvent::GaveUp { reason });
    }
    exhibition.both(&ClientEvent::Reconnecting { attempt: 1, after: Default::default(), cause });
    let error = ClientError::Connect(error);
    exhibition.error(&error);
    let any = WebSocketError::from(error);
    exhibition.error(&any);
    let WebSocketError::Connect(error) = any else { panic!("{any}") };
    let error = ClientError::Connect(*error);
    let panicked = ClientError::HookPanicked { hook: "decide", end: Some(Box::new(error)) };
    exhibition.error(&panicked);
    exhibition.both(&ClientEvent::Error(panicked));
}

/// The error of a client that is answered so.
pub(crate) fn refused(
    exhibition: &mut Exhibition,
    options: &ConnectOptions,
    answers: &[&[u8]],
) -> ConnectError {
    let mut client = upgrade(exhibition, options);
    for answer in answers {
        said(&mut client);
        feed(&mut client, answer);
        match client.poll_event() {
            Ok(None) => {}
            Ok(Some(_)) => panic!("it is open"),
            Err(error) => return error,
        }
    }
    panic!(
        "it has not failed: {:?}",
        answers.iter().map(|answer| answer.escape_ascii().to_string()).collect::<Vec<_>>()
    );
}

/// Mistakes of a program in a URL.
fn urls(exhibition: &mut Exhibition) {
    for url in [
        format!("{USER}:{PASSWORD}@server.test"),
        format!("http+{PASSWORD}://server.test"),
        format!("ws://{USER}:{PASSWORD}@server.test:99999/?{QUERY}"),
        format!("ws://{USER}:{PASSWORD}@/?{QUERY}"),
        format!("ws://server.test/?{QUERY}#{QUERY}"),
    ] {
        exhibition.error::<TargetError>(&url.parse::<Target>().unwrap_err());
        let options = ConnectOptions::new(&url);
        exhibition.debug(&options);
        attempt(exhibition, options.build().unwrap_err());
    }
    for url in [
        format!("{PROXY_USER}:{PROXY_PASSWORD}@proxy.test"),
        format!("{PROXY_PASSWORD}://proxy.test"),
        format!("http://{PROXY_USER}:{PROXY_PASSWORD}@proxy.test:99999"),
        format!("http://{PROXY_USER}:{PROXY_PASSWORD}@proxy.test/?{QUERY}"),
        format!("http://{PROXY_USER}%3A{PROXY_PASSWORD}:{PROXY_PASSWORD}@proxy.test/"),
        format!("socks5://{}:{PROXY_PASSWORD}@proxy.test/", PROXY_USER.repeat(20)),
    ] {
        let error = url.parse::<Proxy>().unwrap_err();
        exhibition.error::<ProxyUrlError>(&error);
        attempt(exhibition, ConnectError::from(error));
        let options = options("ws").proxy(&url);
        exhibition.debug(&options);
        attempt(exhibition, options.build().unwrap_err());
        let target: Target = "ws://server.test".parse().unwrap();
        let variables = |name: &str| (name == "http_proxy").then(|| url.clone());
        if let Err(error) = Proxy::from_environment(&target, variables) {
            exhibition.error(&error);
        }
    }
}

/// Mistakes of a program in certificates and keys.
fn configurations(exhibition: &mut Exhibition) {
    let chain = SITE.chain();
    for key in [
        format!("-----BEGIN PRIVATE KEY {KEY}"),
        format!("-----BEGIN PRIVATE KEY-----{KEY}\n-----END PRIVATE KEY-----\n"),
        format!("-----BEGIN PRIVATE KEY-----\n{KEY}\n"),
        format!("-----BEGIN PRIVATE KEY-----\n{KEY}!\n-----END PRIVATE KEY-----\n"),
        format!("-----BEGIN PRIVATE KEY-----\n{KEY}==\n-----END PRIVATE KEY-----\n"),
        format!("-----BEGIN {KEY}-----\n{KEY}\n"),
        KEY.into(),
    ] {
        let errors = [
            TlsOptions::new()
                .client_certificate(chain.as_bytes(), key.as_bytes())
                .and_then(TlsOptions::build)
                .err(),
            TlsOptions::new().ca(key.as_bytes()).err(),
            TlsAcceptor::new(chain.as_bytes(), key.as_bytes()).err(),
            TlsAcceptor::new(key.as_bytes(), key.as_bytes()).err(),
        ];
        for error in errors.into_iter().flatten() {
            exhibition.error::<TlsConfigError>(&error);
            attempt(exhibition, ConnectError::TlsConfig(error));
        }
    }
    let url = format!("wss://{USER}:{PASSWORD}@server.test/?{QUERY}");
    exhibition.error(&TlsOptions::new().server_name(&url).unwrap_err());
    exhibition.error(&SITE.connector.clone().server_name(&url).unwrap_err());
}

/// Answers of a proxy.
fn proxies(exhibition: &mut Exhibition) {
    let words = ".".repeat(WORDS);
    for answer in [
        format!(
            "HTTP/1.1 407 Authentication\r\nProxy-Authenticate: {FIELD} realm=\"{FIELD}\"\r\nContent-Length: 0\r\n\r\n"
        ),
        format!("HTTP/1.1 502 {words} {FIELD}\r\nX-Token: {FIELD}\r\nContent-Length: 0\r\n\r\n"),
        format!(
            "HTTP/1.1 302 Found\r\nLocation: http://me:{FIELD}@portal.test/?{FIELD}\r\n\
             Content-Length: {}\r\n\r\n{words} {FIELD}",
            words.len() + 1 + FIELD.len()
        ),
        format!("HTTP/1.1 200 OK\r\nX-Token: {FIELD}\x01\r\n\r\n"),
        format!("SSH-2.0 {words}{FIELD}\r\n"),
        format!("HTTP/0.9 {FIELD}\r\n\r\n"),
    ] {
        let error = refused(exhibition, &proxied("http"), &[answer.as_bytes()]);
        if let ConnectError::Proxy { source, .. } = &error {
            exhibition.error::<ProxyError>(source);
            if let ProxyError::Refused(refusal) | ProxyError::AuthenticationRequired { refusal, .. } = source
            {
                exhibition.both::<ProxyRefusal>(refusal);
            }
        }
        attempt(exhibition, error);
    }
    let error = refused(exhibition, &proxied("socks5"), &[&[5, 2], &[1, 1]]);
    attempt(exhibition, error);
    let error =
        refused(exhibition, &proxied("socks5h"), &[&[5, 2], &[1, 0], &[5, 5, 0, 1, 0, 0, 0, 0, 0, 0]]);
    attempt(exhibition, error);
}

/// Answers of a server.
fn servers(exhibition: &mut Exhibition) {
    let error = refused(exhibition, &options("ws"), &[&redirect()]);
    attempt(exhibition, error);
    for answer in wrong_answers() {
        // The key of this client is another one.
        let error = refused(exhibition, &options("ws"), &[&answer]);
        attempt(exhibition, error);
    }
    let plain = format!("HTTP/1.1 400 {}{FIELD}\r\n\r\n", ".".repeat(WORDS));
    let error = refused(exhibition, &options("wss"), &[plain.as_bytes()]);
    let ConnectError::Tls { source: tls, .. } = &error else { panic!("{error}") };
    exhibition.error::<TlsError>(tls);
    attempt(exhibition, error);
}

/// Redirects that are not followed.
fn redirects(exhibition: &mut Exhibition) {
    for text in [Some("not allowed"), None] {
        let mut options = options("ws").max_redirects(1);
        if let Some(text) = text {
            options = options.on_redirect(move |_| RedirectDecision::Refuse(text.into()));
        }
        let location = format!("ws://{LOCATION}:{PASSWORD}@10.0.0.9/login?{LOCATION}");
        let answer = format!("HTTP/1.1 302 Found\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n");
        let failed = refused(exhibition, &options, &[answer.as_bytes()]);
        let options = options.build().unwrap();
        let error = options.follow(failed, &Route::direct(options.target()), address()).unwrap_err();
        let ConnectError::Redirect(refused) = &error else { panic!("{error}") };
        exhibition.error::<RedirectRefused>(refused);
        exhibition.debug(&refused.reason);
        attempt(exhibition, error);
    }
    let seen = options("ws").max_redirects(1).on_redirect(|step| {
        let mut exhibition = Exhibition::default();
        exhibition.debug(step);
        exhibition.expect_no_leaks();
        RedirectDecision::FollowAnywhere
    });
    let failed = refused(exhibition, &seen, &[&redirect()]);
    let seen = seen.build().unwrap();
    exhibition.debug(&seen.follow(failed, &Route::direct(seen.target()), address()).unwrap());
    exhibition.debug(&RedirectDecision::Follow);
    // The hook above has printed it.
    exhibition.seen::<RedirectStep<'_>>();
}

/// Requests of a client.
fn clients(exhibition: &mut Exhibition) {
    let request = format!("GET /feed?token={QUERY} HTTP/1.1\r\nHost: h\r\nX-Token: {HEADER}\r\n\r\n");
    let login = format!("AUTH {FIELD}\r\n");
    for tls in [true, false] {
        for said in [&request, &login] {
            let mut options = accept_options();
            if tls {
                options = options.tls(SITE.acceptor.clone());
            }
            let mut server = ServerUpgrade::new(&options, random(), NOW).unwrap();
            feed(&mut server, said.as_bytes());
            match server.poll_event() {
                Err(error) => exhibition.error::<AcceptError>(&error),
                Ok(seen) => assert!(seen.is_none()),
            }
            exhibition.debug(&server);
        }
    }
    let machine = SITE.acceptor.start(ws_core::ServerHandshake::new(Default::default(), random(), NOW));
    let mut machine = machine.unwrap();
    feed(&mut machine, request.as_bytes());
    exhibition.error::<TlsFailure<_>>(&machine.poll_event().unwrap_err());
}

pub(crate) fn exhibit(exhibition: &mut Exhibition) {
    urls(exhibition);
    configurations(exhibition);
    proxies(exhibition);
    servers(exhibition);
    redirects(exhibition);
    clients(exhibition);
    let closed = closed();
    let reason = DisconnectReason::Closed { closed: &closed, error: None };
    exhibition.debug(&reason);
    let cause = Cause::from(&reason);
    exhibition.both(&cause);
    exhibition.error(&GiveUp::NotRetried(cause.clone()));
    for message in crate::core::messages() {
        exhibition.both(&ClientEvent::Message(message.clone()));
        exhibition.both(&ClientEvent::Undelivered(message.clone()));
        exhibition.both(&ClientEvent::Stuck { message, failures: 1, last_end: cause.clone() });
    }
    exhibition.both(&ClientEvent::Closed(closed));
    exhibition.both(&ClientEvent::Closing(close_frame()));
    let failures = vec![(address(), io::Error::from(io::ErrorKind::ConnectionRefused))];
    attempt(exhibition, ConnectError::Connect(failures));
    exhibition.error(&TransportError::read(io::Error::from(io::ErrorKind::ConnectionReset)));
    let options = options("ws").build().unwrap();
    let mut race = ws_common::connector::Connector::<()>::new(&options, NOW);
    race.poll(NOW);
    let late = NOW + options.open_timeout();
    let ws_common::connector::ConnectorStep::Done(Err(error)) = race.poll(late) else { panic!("it is late") };
    let ConnectError::ConnectTimeout(timeout) = &error else { panic!("{error}") };
    exhibition.error::<ConnectTimeout>(timeout);
    attempt(exhibition, error);
}
