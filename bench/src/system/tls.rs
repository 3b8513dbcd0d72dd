//! An echo over TLS.

use std::io;
use std::sync::Arc;

use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use tokio::net::TcpStream;
use tokio_rustls::{TlsAcceptor, TlsConnector, client, server};
use ws_tokio::{AcceptOptions, Config, ConnectOptions, Incoming, WebSocket};

use super::child::{self, Run};
use super::echo::{Spec, arguments, ask, ask_raw, serve_raw, two_ends_on_tokio};
use super::grid::{Grid, Row, size};
use super::measure::Passed;
use super::socket::{Fastwebsockets, Open, Ours, Socket, Sockudo, TokioTungstenite, TokioWebsockets, Yawc};
use super::{Command, Options, word};
use crate::scenario::Role;

pub const COMMAND: Command = Command {
    name: "tls",
    about: "processor time of an echo over TLS",
    help: "\
usage: ws-bench tls [--contender NAME]... [--rounds N]

As `echo`, over TLS 1.3 with TLS_AES_128_GCM_SHA256, for all by the same rustls with the same provider (ring) and the same
certificate, which is made anew for each run. `ours` speaks wss by its own means; `ours, on tokio-rustls` and the peers get a
stream of tokio-rustls. wtx is absent: it takes no such stream. `raw` is an echo of the same bytes over tokio-rustls, the limit. What the
handshakes cost is not counted. 64 messages are under way, of 64 KiB only four.",
    run,
};

type ClientStream = client::TlsStream<TcpStream>;
type ServerStream = server::TlsStream<TcpStream>;

struct Contender {
    name: &'static str,
    echo: fn(Spec) -> Passed,
}

const CONTENDERS: &[Contender] = &[
    Contender { name: "raw", echo: raw },
    Contender { name: "ours", echo: ours },
    Contender { name: "ours, on tokio-rustls", echo: echo::<Ours<_>, Ours<_>> },
    Contender { name: "tokio-tungstenite", echo: echo::<TokioTungstenite<_>, TokioTungstenite<_>> },
    Contender { name: "fastwebsockets", echo: echo::<Fastwebsockets<_>, Fastwebsockets<_>> },
    Contender { name: "tokio-websockets", echo: echo::<TokioWebsockets<_>, TokioWebsockets<_>> },
    Contender { name: "sockudo-ws", echo: echo::<Sockudo<_>, Sockudo<_>> },
    Contender { name: "yawc", echo: echo::<Yawc<_>, Yawc<_>> },
];

const SPECS: [Spec; 3] = [
    Spec { size: 16, under_way: 64, batches: 2000 },
    Spec { size: 1024, under_way: 64, batches: 600 },
    Spec { size: 64 * 1024, under_way: 4, batches: 150 },
];

fn run(options: &Options, words: &[String]) -> io::Result<()> {
    if !words.is_empty() {
        let name: String = word(words, 0)?;
        let found = CONTENDERS.iter().find(|contender| contender.name == name);
        let contender = found.ok_or_else(|| io::Error::other(format!("no contender {name:?}")))?;
        let spec = Spec::of(words)?;
        let passed = (contender.echo)(spec);
        child::report(&[passed.cpu.as_secs_f64() * 1e9 / (spec.batches * spec.under_way) as f64]);
        return Ok(());
    }
    let names = options.select(CONTENDERS.iter().map(|contender| contender.name))?;
    let runs: Vec<Run> =
        names.iter().flat_map(|name| SPECS.map(|spec| arguments("tls", name, spec))).collect();
    let seen = child::in_turn(&runs, options.rounds.unwrap_or(7));
    let rows = names.iter().zip(seen.chunks(SPECS.len())).map(|(name, seen)| Row {
        name: name.to_string(),
        cells: seen.iter().map(|values| Some(values.as_ref()?[0])).collect(),
        limit: Some("tokio-tungstenite"),
    });
    print!(
        "{}",
        Grid {
            title: "Echo over TLS, loopback TCP".into(),
            unit: "nanoseconds on a processor per message, client and server, and in brackets: times tokio-tungstenite"
                .into(),
            columns: SPECS.map(|spec| format!("{} of {}", spec.under_way, size(spec.size))).into(),
            rows: rows.collect(),
        }
    );
    Ok(())
}

/// What both ends need to trust each other.
#[derive(Clone)]
pub struct Identity {
    chain: Vec<CertificateDer<'static>>,
    key: Arc<PrivateKeyDer<'static>>,
}

const NAME: &str = "localhost";

impl Identity {
    pub fn new() -> Self {
        let made = rcgen::generate_simple_self_signed([NAME.to_string()]).expect("a certificate");
        let key = made.signing_key.serialize_der().try_into().expect("a key of PKCS #8");
        Identity { chain: vec![made.cert.der().clone()], key: Arc::new(key) }
    }

    pub fn server(&self) -> Arc<ServerConfig> {
        let builder = ServerConfig::builder_with_provider(provider()).with_safe_default_protocol_versions();
        let builder = builder.expect("versions that the provider has").with_no_client_auth();
        let config = builder.with_single_cert(self.chain.clone(), self.key.clone_key());
        Arc::new(config.expect("a key that fits the certificate"))
    }

    pub fn client(&self) -> Arc<ClientConfig> {
        Identity::trusting(self.chain[0].clone())
    }

    /// The certificate as a word, for another process.
    pub fn word(&self) -> String {
        self.chain[0].iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// The certificate of such a word.
    pub fn certificate(word: &str) -> Option<CertificateDer<'static>> {
        let byte = |place| u8::from_str_radix(word.get(place..place + 2)?, 16).ok();
        let bytes: Option<Vec<u8>> = (0..word.len()).step_by(2).map(byte).collect();
        bytes.map(CertificateDer::from)
    }

    /// A client's side that trusts in `certificate`.
    pub fn trusting(certificate: CertificateDer<'static>) -> Arc<ClientConfig> {
        let mut roots = RootCertStore::empty();
        roots.add(certificate).expect("a certificate");
        let builder = ClientConfig::builder_with_provider(provider()).with_safe_default_protocol_versions();
        let builder = builder.expect("versions that the provider has");
        Arc::new(builder.with_root_certificates(roots).with_no_client_auth())
    }

    pub async fn accept(&self, stream: TcpStream) -> ServerStream {
        TlsAcceptor::from(self.server()).accept(stream).await.expect("a handshake")
    }

    pub async fn connect(&self, stream: TcpStream) -> ClientStream {
        let name = ServerName::try_from(NAME).expect("a name");
        TlsConnector::from(self.client()).connect(name, stream).await.expect("a handshake")
    }
}

/// With one cipher, so that all use the same.
fn provider() -> Arc<CryptoProvider> {
    let cipher_suites = vec![ring::cipher_suite::TLS13_AES_128_GCM_SHA256];
    Arc::new(CryptoProvider { cipher_suites, ..ring::default_provider() })
}

/// The same type twice, but for its stream.
fn echo<C: Open<ClientStream>, W: Open<ServerStream>>(spec: Spec) -> Passed {
    let identity = Identity::new();
    let servers = identity.clone();
    two_ends_on_tokio(
        async move |stream| W::open(Role::Server, servers.accept(stream).await).await.serve().await,
        async |stream| ask(&mut C::open(Role::Client, identity.connect(stream).await).await, spec).await,
    )
}

fn ours(spec: Spec) -> Passed {
    let identity = Identity::new();
    let config = Config::default().ping_interval(None);
    let accepting = AcceptOptions::default().tls(identity.server()).config(config.clone());
    let serve = async move |stream| {
        let incoming: Incoming = Incoming::new(stream, accepting);
        incoming.accept().await.expect("a handshake").0.serve().await;
    };
    two_ends_on_tokio(serve, async |stream| {
        let options = ConnectOptions::new(format!("wss://{NAME}/"));
        let options = options.tls(identity.client()).config(config);
        let opened = WebSocket::connect_over(stream, options).await;
        ask(&mut opened.expect("a handshake").0, spec).await
    })
}

fn raw(spec: Spec) -> Passed {
    let identity = Identity::new();
    let servers = identity.clone();
    two_ends_on_tokio(
        async move |stream| serve_raw(servers.accept(stream).await, spec).await,
        async |stream| ask_raw(identity.connect(stream).await, spec).await,
    )
}
