//! The types of ws-common around one connection.

use std::net::SocketAddr;

use ws_common::connector::{Connector, ConnectorStep, Route};
use ws_common::duplex::{Duplex, Step};
use ws_common::happy_eyeballs::HappyEyeballs;
use ws_common::proxy::{Credentials, HttpProxy, Proxy, Socks5};
use ws_common::tls::{TlsConnector, TlsOptions};
use ws_common::{
    AcceptOptions, CheckedOptions, Chunks, ClientUpgrade, ConnectOptions, Host, MaybeTls, Opened,
    ServerUpgrade, Target,
};
use ws_core::bytes::BytesMut;
use ws_core::{Accept, Config, Connection, DataPoll, Machine, Role};

use crate::core::{NOW, feed, messages, random, said};
use crate::exhibition::Exhibition;
use crate::planted::{
    AUTHORIZATION, COOKIE, HEADER, PASSWORD, PROXY_PASSWORD, PROXY_USER, QUERY, SET_COOKIE, SUBPROTOCOL,
    TEXT, USER,
};
use suite::tls::SITE;

pub(crate) fn address() -> SocketAddr {
    ([192, 0, 2, 1], 80).into()
}

fn url(scheme: &str) -> String {
    format!("{scheme}://{USER}:{PASSWORD}@localhost/feed?token={QUERY}")
}

/// Options with all secrets that they can hold.
pub(crate) fn options(scheme: &str) -> ConnectOptions {
    ConnectOptions::new(url(scheme))
        .header("Cookie", format!("session={COOKIE}"))
        .header("X-Token", HEADER)
        .subprotocol(SUBPROTOCOL)
        .address(address())
        .tls(connector())
}

pub(crate) fn proxied(scheme: &str) -> ConnectOptions {
    options("ws").proxy(format!("{scheme}://{PROXY_USER}:{PROXY_PASSWORD}@192.0.2.7"))
}

/// A client's TLS with a certificate and its key.
fn connector() -> TlsConnector {
    SITE.tls_with_client_certificate().build().unwrap()
}

pub(crate) fn accept_options() -> AcceptOptions {
    AcceptOptions::default().subprotocol(SUBPROTOCOL)
}

/// A transport, and each step to it.
pub(crate) fn route(exhibition: &mut Exhibition, options: &CheckedOptions) -> Route {
    let mut connector = Connector::new(options, NOW);
    loop {
        exhibition.debug(&connector);
        let step: ConnectorStep<()> = connector.poll(NOW);
        exhibition.debug(&step);
        match step {
            ConnectorStep::Resolve { port, .. } => {
                connector.handle_addresses(Ok(vec![([192, 0, 2, 1], port).into()]));
            }
            ConnectorStep::Connect { attempt, .. } => {
                exhibition.debug(&attempt);
                connector.handle_result(attempt, Ok(()));
            }
            ConnectorStep::Done(connected) => {
                let connected = connected.unwrap();
                exhibition.debug(&connected);
                return connected.route;
            }
            ConnectorStep::Wait(_) => unreachable!("every step was done"),
        }
    }
}

/// A machine of the client for these options.
pub(crate) fn upgrade(exhibition: &mut Exhibition, options: &ConnectOptions) -> ClientUpgrade {
    exhibition.debug(options);
    let options = &options.clone().build().unwrap();
    exhibition.debug(options);
    let route = route(exhibition, options);
    exhibition.debug(&route);
    ClientUpgrade::new(options, &route, random(), NOW + options.open_timeout()).unwrap()
}

/// Opens a connection, and shows all that it goes through. Gives both ends.
pub(crate) fn opened(exhibition: &mut Exhibition, scheme: &str) -> (Opened, MaybeTls<Connection>) {
    let mut client = upgrade(exhibition, &options(scheme));
    let mut accepting = accept_options();
    if scheme == "wss" {
        accepting = accepting.tls(SITE.acceptor.clone());
    }
    exhibition.debug(&accepting);
    let mut server = ServerUpgrade::new(&accepting, random(), NOW).unwrap();
    let request = loop {
        feed(&mut server, &said(&mut client));
        exhibition.debug(&client);
        exhibition.debug(&server);
        match server.poll_event().unwrap() {
            Some(request) => break request,
            None => feed(&mut client, &said(&mut server)),
        }
        assert!(client.poll_event().unwrap().is_none());
    };
    let accept = Accept::new().first_subprotocol(&request, [SUBPROTOCOL]);
    let accept = accept.header("Set-Cookie", &format!("session={SET_COOKIE}")).unwrap();
    let mut server = server.accept(&accept, NOW).unwrap();
    feed(&mut client, &said(&mut server));
    let opened = client.poll_event().unwrap().unwrap();
    exhibition.debug(&opened);
    (opened, server)
}

fn connections(exhibition: &mut Exhibition) {
    for scheme in ["ws", "wss"] {
        let (mut opened, mut server) = opened(exhibition, scheme);
        for message in messages() {
            opened.connection.inner_mut().send(message).unwrap();
            exhibition.debug(&opened.connection);
            feed(&mut server, &said(&mut opened.connection));
            exhibition.debug(&server);
        }
        let mut duplex = Duplex::new(server);
        let step = duplex.data(|| NOW);
        exhibition.debug(&step);
        exhibition.debug::<Step<_>>(&duplex.next_event(|| NOW));
    }
    let mut client =
        Connection::after_handshake(Role::Client, &Config::default(), random(), BytesMut::new(), NOW);
    client.receive_chunks(true);
    feed(&mut client, &[&[0x81, TEXT.len() as u8], TEXT.as_bytes()].concat());
    let Ok(chunk @ DataPoll::Chunk(_)) = client.poll_data() else { panic!("a chunk was received") };
    exhibition.debug(&Chunks::begin(chunk).unwrap());
}

fn tls(exhibition: &mut Exhibition) {
    exhibition.debug::<TlsOptions>(&SITE.tls_with_client_certificate());
    exhibition.debug(&connector());
    exhibition.debug(&SITE.acceptor);
    let mut tls = connector()
        .start(
            "localhost",
            Connection::after_handshake(Role::Client, &Config::default(), random(), BytesMut::new(), NOW),
        )
        .unwrap();
    tls.inner_mut().send(TEXT).unwrap();
    exhibition.debug(&tls);
}

fn proxies(exhibition: &mut Exhibition) {
    for scheme in ["http", "https", "socks5", "socks5h"] {
        let options = proxied(scheme);
        let url = format!("{scheme}://{PROXY_USER}:{PROXY_PASSWORD}@192.0.2.7");
        exhibition.both(&url.parse::<Proxy>().unwrap());
        let mut client = upgrade(exhibition, &options);
        exhibition.debug(&client);
        said(&mut client);
        exhibition.debug(&client);
    }
    let credentials = Credentials::new(PROXY_USER, PROXY_PASSWORD);
    exhibition.debug(&credentials);
    let host = Host::Name("server.test".into());
    let mut http = HttpProxy::new(Some(&credentials), &host, 80, NOW).unwrap();
    exhibition.debug(&http);
    said(&mut http);
    feed(&mut http, format!("HTTP/1.1 200 OK\r\n\r\n{TEXT}").as_bytes());
    exhibition.debug(&http.poll_event().unwrap().unwrap());
    exhibition.debug(&http.into_leftover().unwrap());
    let mut socks = Socks5::new(Some(&credentials), &host, 80, NOW).unwrap();
    feed(&mut socks, &[5, 2]);
    assert!(socks.poll_event().unwrap().is_none());
    exhibition.debug(&socks);
    let target: Target = url("ws").parse().unwrap();
    let variables =
        |name: &str| (name == "http_proxy").then(|| format!("http://{PROXY_USER}:{PROXY_PASSWORD}@p"));
    exhibition.debug(&Proxy::from_environment(&target, variables).unwrap().unwrap());
}

pub(crate) fn exhibit(exhibition: &mut Exhibition) {
    exhibition.debug(&options("ws"));
    // The other URLs have a user name and a password.
    let bearer = ConnectOptions::new("wss://localhost/");
    exhibition.debug(&bearer.header("Authorization", format!("Bearer {AUTHORIZATION}")));
    exhibition.debug(options("ws").build().unwrap().socket_options());
    let target: Target = url("wss").parse().unwrap();
    exhibition.both(&target);
    assert_eq!(target.reveal().to_string(), format!("wss://localhost/feed?token={QUERY}"));
    exhibition.both(target.host());
    exhibition.debug(&target.request().unwrap());
    connections(exhibition);
    tls(exhibition);
    proxies(exhibition);
    let mut race = HappyEyeballs::<(), std::io::Error>::new([address()]);
    exhibition.debug(&race.poll(NOW));
    exhibition.debug(&race);
}
