mod chains;
mod values;

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use ws_core::{
    ClientHandshake, ClientRequest, Config, FirstLine, HandshakeError, Initiator, Instant, Machine, Random,
    RequestError, Response, ResponseError, TransportError,
};

use self::chains::assert_says_nothing_twice;
use super::{ClientError, ConnectError, ConnectTimeout, ConnectorError, OpenPhase, PrepareError};
use crate::proxy::{ProxyError, ProxyRefusal, ProxyStep, ProxyUrlError, Socks5Reply};
use crate::redirect::{RedirectRefusal, RedirectRefused};
use crate::system::socket::LocalFailure;
use crate::target::TargetError;

const TIMEOUT: Duration = Duration::from_secs(10);

/// A failure of connecting that the network reports.
fn refused() -> io::Error {
    io::ErrorKind::ConnectionRefused.into()
}

/// A failure of a socket that has not tried to connect.
fn local() -> io::Error {
    LocalFailure::wrap(io::Error::other("no such device"))
}

fn attempts(failures: impl IntoIterator<Item = io::Error>) -> Vec<(SocketAddr, io::Error)> {
    failures.into_iter().map(|error| (([192, 0, 2, 1], 80).into(), error)).collect()
}

fn timeout() -> ConnectTimeout {
    ConnectTimeout { open_timeout: TIMEOUT, pending: Vec::new(), failures: attempts([refused()]) }
}

fn reset() -> TransportError {
    TransportError::read(io::Error::from(io::ErrorKind::ConnectionReset))
}

/// The failure of a handshake that is answered so.
fn answered(response: &str) -> HandshakeError {
    let request = ClientRequest::new("example.com", "/").unwrap();
    let (random, deadline) = (Random::from_seed([3; 32]), Instant::EPOCH);
    let mut client = ClientHandshake::new(&request, Config::default(), random, deadline);
    client.inbound().extend_from_slice(response.as_bytes());
    client.handle_read(response.len(), Instant::EPOCH);
    client.poll_event().expect_err("it is refused")
}

/// A response of a proxy.
fn response() -> Box<Response> {
    match answered("HTTP/1.1 407 No\r\nContent-Length: 0\r\n\r\n") {
        HandshakeError::Rejected(rejected) => Box::new(rejected.response.clone()),
        error => panic!("{error}"),
    }
}

fn assert_sides(side: Initiator, errors: Vec<ConnectError>) {
    for error in errors {
        assert_eq!(error.side(), side, "{error}");
        assert_says_nothing_twice(&error);
        let end = Some(Box::new(ClientError::Connect(error)));
        assert_says_nothing_twice(&ClientError::HookPanicked { hook: "decide", end });
    }
}

fn handshakes(sources: Vec<HandshakeError>) -> Vec<ConnectError> {
    sources.into_iter().map(|source| ConnectError::Handshake { peer: None, source }).collect()
}

fn proxies(sources: Vec<ProxyError>) -> Vec<ConnectError> {
    sources.into_iter().map(|source| ConnectError::Proxy { proxy: None, source }).collect()
}

#[test]
fn an_attempt_that_cannot_begin_and_one_that_takes_too_long_are_ended_by_us() {
    assert_sides(
        Initiator::Local,
        vec![
            ConnectError::Url(TargetError::Fragment),
            ConnectError::TlsUnsupported,
            ConnectError::Request(ClientRequest::new("a b", "/").unwrap_err()),
            ConnectError::Local(local()),
            ConnectError::Resolve { host: "example.com".into(), source: io::ErrorKind::NotFound.into() },
            ConnectError::Timeout { phase: OpenPhase::Resolve, open_timeout: TIMEOUT, peer: None },
            ConnectError::ConnectTimeout(timeout()),
        ],
    );
}

/// The server has taken no part in these, or has only named another server.
#[test]
fn an_attempt_that_the_program_or_a_rule_of_ours_ends_is_ended_by_us() {
    let redirect = |reason| {
        let [from, to] = ["ws://a.test/", "ws://b.test/"].map(|url| url.parse().unwrap());
        ConnectError::Redirect(Box::new(RedirectRefused { from, to, status: 302, reason }))
    };
    assert_sides(
        Initiator::Local,
        vec![
            redirect(RedirectRefusal::Private([10, 0, 0, 1].into())),
            redirect(RedirectRefusal::Hook("not there".into())),
            ConnectError::Prepare(PrepareError::from("no token")),
            ConnectError::Prepare(PrepareError::final_error("the account is closed")),
            ConnectError::PrepareTimeout(TIMEOUT),
            ConnectError::Connector(ConnectorError::from("no tunnel")),
            ConnectError::Connector(ConnectorError::final_error("there is no feed")),
            // The error of a connector is the program's word, though it may tell of a peer.
            ConnectError::Connector(ConnectorError::from(refused())),
            ConnectError::ConnectorWithProxy,
        ],
    );
}

#[test]
fn an_attempt_is_ended_by_us_where_no_connect_could_begin() {
    let port = || io::Error::from(io::ErrorKind::AddrInUse);
    let none = || io::Error::from(io::ErrorKind::AddrNotAvailable);
    let unreachable = || io::Error::from(io::ErrorKind::NetworkUnreachable);
    let bound = LocalFailure::of_address(([127, 0, 0, 1], 7).into(), port());
    for (side, failures) in [
        (Initiator::Local, vec![local()]),
        (Initiator::Local, vec![bound]),
        (Initiator::Local, vec![port(), none(), local()]),
        (Initiator::Remote, vec![refused()]),
        (Initiator::Remote, vec![unreachable()]),
        (Initiator::Remote, vec![local(), refused()]),
    ] {
        let shown = format!("{failures:?}");
        let mut failures = attempts(failures);
        assert_eq!(ConnectError::Connect(std::mem::take(&mut failures)).side(), side, "{shown}");
    }
}

#[test]
fn a_response_that_we_refuse_ends_the_attempt_by_us_and_a_refusal_of_the_server_by_the_peer() {
    let text = || "x".to_owned();
    let mut ours: Vec<_> = [
        ResponseError::NotHttp(FirstLine::of(b"SSH-2.0")),
        ResponseError::Malformed(text()),
        ResponseError::Upgrade(text()),
        ResponseError::Connection(text()),
        ResponseError::Accept(text()),
        ResponseError::Subprotocol(text()),
        ResponseError::SubprotocolMissing,
        ResponseError::Extension(text()),
    ]
    .map(HandshakeError::Response)
    .into();
    ours.extend([
        answered(&format!("HTTP/1.1 101 S\r\nX: {}\r\n\r\n", "x".repeat(17_000))),
        answered(&format!("HTTP/1.1 101 S\r\n{}\r\n", "X: x\r\n".repeat(101))),
        HandshakeError::Request(RequestError::NotHttp),
        HandshakeError::Request(RequestError::Http10),
        HandshakeError::Request(RequestError::Target("*".into())),
        HandshakeError::Timeout,
    ]);
    assert!(ours.iter().any(|error| matches!(error, HandshakeError::HeadTooLong)));
    assert!(ours.iter().any(|error| matches!(error, HandshakeError::TooManyHeaders)));
    assert_sides(Initiator::Local, handshakes(ours));
    let mut theirs = vec![
        HandshakeError::UnexpectedEof(0),
        HandshakeError::UnexpectedEof(9),
        HandshakeError::Transport(reset()),
    ];
    for status in [200, 302, 400, 401, 403, 404, 426, 429, 500, 503] {
        theirs.push(answered(&format!("HTTP/1.1 {status} No\r\nContent-Length: 0\r\n\r\n")));
    }
    assert_sides(Initiator::Remote, handshakes(theirs));
}

#[test]
fn an_answer_of_a_proxy_that_we_refuse_ends_the_attempt_by_us_and_a_refusal_of_the_proxy_by_the_peer() {
    assert_sides(
        Initiator::Local,
        proxies(vec![
            ProxyError::Url(ProxyUrlError::NoHost),
            ProxyError::Environment { variable: "http_proxy", source: ProxyUrlError::NoHost },
            ProxyError::UnreadableVariable("http_proxy"),
            ProxyError::Resolve(io::ErrorKind::NotFound.into()),
            ProxyError::Connect(attempts([local()])),
            ProxyError::NameTooLong(300),
            ProxyError::Name("a b".into()),
            ProxyError::NotHttp(FirstLine::of(b"SSH-2.0")),
            ProxyError::Malformed("x".into()),
            ProxyError::HeadTooLong,
            ProxyError::TooManyHeaders,
            ProxyError::Version { seen: 4, expected: 5 },
            ProxyError::Method(7),
            ProxyError::AddressType(9),
            ProxyError::Early,
            ProxyError::Timeout { step: ProxyStep::Response, open_timeout: Some(TIMEOUT) },
            ProxyError::ConnectTimeout(timeout()),
        ]),
    );
    let mut theirs = vec![
        ProxyError::Connect(attempts([local(), refused()])),
        ProxyError::AuthenticationRequired {
            refusal: ProxyRefusal::new(*response(), Default::default()),
            had_credentials: false,
        },
        ProxyError::Refused(ProxyRefusal::new(*response(), Default::default())),
        // RFC 1928 §3: the client has to close then, because the server takes no method.
        ProxyError::NoAcceptableMethod { had_credentials: true },
        ProxyError::CredentialsRefused(1),
        ProxyError::UnexpectedEof(1),
        ProxyError::Transport(reset()),
    ];
    theirs.extend((1..=9).map(|reply| ProxyError::Reply(Socks5Reply::from(reply))));
    assert_sides(Initiator::Remote, proxies(theirs));
}

#[cfg(any(feature = "ring", feature = "aws-lc-rs"))]
#[test]
fn tls_is_ended_by_us_unless_the_peer_sends_an_alert_or_goes() {
    use std::error::Error as _;
    use std::sync::Arc;

    use rustls::{
        AlertDescription, CertificateError, InvalidMessage, OtherError, PeerIncompatible, PeerMisbehaved,
    };

    use crate::tls::{TlsConfigError, TlsError};

    let every_way = |side, make: fn() -> Vec<TlsError>| {
        assert_sides(
            side,
            make().into_iter().map(|source| ConnectError::Tls { peer: None, source }).collect(),
        );
        assert_sides(side, proxies(make().into_iter().map(ProxyError::Tls).collect()));
        let within = |error| ProxyError::Transport(TransportError::read(error));
        assert_sides(side, proxies(make().into_iter().map(within).collect()));
        let within = |error| HandshakeError::Transport(TransportError::read(error));
        assert_sides(side, handshakes(make().into_iter().map(within).collect()));
    };
    every_way(Initiator::Local, || {
        vec![
            TlsError::NotTls(FirstLine::of(b"SSH-2.0")),
            TlsError::WrongName { expected: "a".into(), presented: Vec::new() },
            TlsError::Expired(CertificateError::Expired),
            TlsError::NotYetValid(CertificateError::NotValidYet),
            TlsError::UnknownIssuer,
            TlsError::Certificate(CertificateError::Revoked),
            TlsError::Incompatible(rustls::Error::PeerIncompatible(PeerIncompatible::NoCipherSuitesInCommon)),
            TlsError::Protocol(rustls::Error::InvalidMessage(InvalidMessage::InvalidContentType)),
            TlsError::Incompatible(rustls::Error::NoApplicationProtocol),
            TlsError::Incompatible(rustls::Error::PeerIncompatible(
                PeerIncompatible::EcPointsExtensionRequired,
            )),
            TlsError::Protocol(rustls::Error::DecryptError),
            TlsError::Protocol(rustls::Error::General("of the provider".into())),
            TlsError::Protocol(rustls::Error::Other(OtherError(Arc::new(local())))),
            TlsError::Protocol(rustls::Error::PeerMisbehaved(PeerMisbehaved::BadCertChainExtensions)),
            TlsError::KeysExhausted,
            // With the server, within TLS with a proxy whose certificate we refuse.
            TlsError::Transport(TransportError::read(ProxyError::Tls(TlsError::UnknownIssuer))),
        ]
    });
    every_way(Initiator::Remote, || {
        vec![
            TlsError::ClientCertificateRequired,
            TlsError::ClientCertificateRefused(AlertDescription::UnknownCA),
            TlsError::Alert(AlertDescription::HandshakeFailure),
            TlsError::UnexpectedEof,
            TlsError::Transport(reset()),
            TlsError::Truncated,
        ]
    });
    let configs = vec![
        TlsConfigError::NoKey,
        TlsConfigError::Rustls(rustls::Error::General("of the provider".into())),
        TlsConfigError::Rustls(rustls::Error::InconsistentKeys(rustls::InconsistentKeys::KeyMismatch)),
        TlsConfigError::Platform(rustls::Error::Other(OtherError(Arc::new(local())))),
        TlsConfigError::Verifier(rustls::server::VerifierBuilderError::NoRootAnchors),
    ];
    for error in &configs {
        assert!(error.source().is_none(), "{error}");
    }
    assert_sides(Initiator::Local, configs.into_iter().map(ConnectError::TlsConfig).collect());
    for (error, has_more) in [
        (rustls::Error::PeerIncompatible(PeerIncompatible::NoCipherSuitesInCommon), false),
        (rustls::Error::PeerIncompatible(PeerIncompatible::EcPointsExtensionRequired), true),
        (rustls::Error::NoApplicationProtocol, false),
        (rustls::Error::DecryptError, false),
        (rustls::Error::General("of the provider".into()), false),
        (rustls::Error::InvalidMessage(InvalidMessage::InvalidContentType), true),
        (rustls::Error::PeerMisbehaved(PeerMisbehaved::BadCertChainExtensions), true),
    ] {
        assert_eq!(TlsError::Protocol(error.clone()).source().is_some(), has_more, "{error}");
    }
}
