//! Connections through proxies, of every kind: what the proxy hears, and what the target does.

use std::net::TcpListener;
use std::thread;
use std::time::Duration;

use ws_common::{
    AcceptOptions, ConnectError, ConnectOptions, OpenPhase,
    proxy::{ProxyError, ProxyStep, Socks5Reply},
    tls::TlsOptions,
};
use ws_core::{CloseCode, Request};

use crate::adapter::{Adapter, Receiving, Sending};
use crate::ends::quiet;
use crate::nowhere::Nobody;
use crate::relay::{Relay, Speech, terminate};
use crate::tls::SITE;
use crate::watch::takes;

/// For a proxy that does not answer.
const SOON: Duration = Duration::from_millis(500);

/// User name and password of a relay, as a URL has them.
const CREDENTIALS: &str = "ada:s3cret%3Aword@";

/// A message and its echo between our client and our server, which gives the request that it saw.
fn echo<A: Adapter>(listener: &TcpListener, options: ConnectOptions) -> Request {
    let secure = options.clone().build().unwrap().target().is_secure();
    thread::scope(|scope| {
        let serving = scope.spawn(move || {
            let transport = listener.accept().unwrap().0;
            let accepting = AcceptOptions::default().config(quiet());
            let accepting = if secure { accepting.tls(SITE.acceptor.clone()) } else { accepting };
            let (mut server, request) = A::accept(transport, accepting).unwrap();
            // Right behind the response, so that it comes with the last bytes of the handshake.
            server.send("welcome").unwrap();
            while let Some(message) = server.recv().unwrap() {
                server.send(message).unwrap();
            }
            request
        });
        let (mut client, _) = A::connect(options).unwrap();
        assert_eq!(client.recv().unwrap(), Some("welcome".into()));
        let message = vec![7; 300_000];
        client.send(message.clone()).unwrap();
        assert!(client.recv().unwrap() == Some(message.into()));
        assert!(client.close(CloseCode::NORMAL).clean);
        serving.join().unwrap()
    })
}

fn target(scheme: &str, host: &str, listener: &TcpListener) -> ConnectOptions {
    let url = format!("{scheme}://user:secret@{host}:{}/feed?x=1", listener.local_addr().unwrap().port());
    let options = ConnectOptions::new(&url).config(quiet());
    options.header("Cookie", "session=1").tls(SITE.connector.clone())
}

pub fn ws_and_wss_pass_through_every_kind_of_proxy<A: Adapter>() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    for scheme in ["ws", "wss"] {
        for (kind, speech) in [
            ("http", Speech::Http),
            ("https", Speech::Http),
            ("socks5", Speech::Socks5),
            ("socks5h", Speech::Socks5),
        ] {
            for credentials in ["", CREDENTIALS] {
                println!("{scheme} through {kind}://{credentials}");
                let relay = Relay::new(speech, !credentials.is_empty());
                let address = match kind {
                    "https" => terminate(&SITE.identity, relay.address(), 1),
                    _ => relay.address(),
                };
                let options = target(scheme, "localhost", &listener)
                    .proxy(format!("{kind}://{credentials}localhost:{}", address.port()))
                    .proxy_tls(SITE.connector.clone());
                let request = echo::<A>(&listener, options);
                let headers = request.headers();
                assert_eq!(headers.get("Host"), Some(&*format!("localhost:{port}")));
                assert_eq!(headers.get("Authorization"), Some("Basic dXNlcjpzZWNyZXQ="));
                assert_eq!(headers.get("Proxy-Authorization"), None);
                let heard = relay.heard().concat();
                match kind {
                    "http" | "https" => {
                        assert!(heard.starts_with(&format!("CONNECT localhost:{port} HTTP/1.1\r\n")));
                    }
                    // Resolved here: which of the addresses is the system's choice.
                    "socks5" => assert!(
                        [format!("127.0.0.1:{port}"), format!("::1:{port}")].contains(&heard),
                        "{heard}"
                    ),
                    _ => assert_eq!(heard, format!("localhost:{port}")),
                }
                for secret in ["Cookie", "session", "dXNlcjpzZWNyZXQ", "feed"] {
                    assert!(!heard.contains(secret), "the proxy heard {secret}: {heard}");
                }
            }
        }
    }
}

pub fn a_name_that_only_the_proxy_knows<A: Adapter>() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    for (kind, speech) in [("http", Speech::Http), ("socks5h", Speech::Socks5)] {
        let relay = Relay::new(speech, false);
        let proxy = format!("{kind}://{}", relay.address());
        let options = target("ws", "hidden.test", &listener).proxy(&proxy);
        let request = echo::<A>(&listener, options);
        assert!(request.headers().get("Host").unwrap().starts_with("hidden.test:"));
    }
    let relay = Relay::new(Speech::Socks5, false);
    let proxy = format!("socks5://{}", relay.address());
    let error = A::connect(target("ws", "hidden.test", &listener).proxy(&proxy)).err().unwrap();
    assert_eq!(error.phase(), OpenPhase::Resolve, "{error}");
}

fn to(target: &str) -> ConnectOptions {
    ConnectOptions::new(target).tls(SITE.connector.clone()).proxy_tls(SITE.connector.clone())
}

fn failing<A: Adapter>(proxy: &str, options: ConnectOptions) -> ConnectError {
    let error = A::connect(options.proxy(proxy)).err().unwrap();
    println!("{proxy}: {error}");
    assert_eq!(error.phase(), OpenPhase::Proxy, "{error}");
    error
}

pub fn a_proxy_that_is_no_help_is_an_error_that_says_why<A: Adapter>() {
    let (http, socks) = (Relay::new(Speech::Http, true), Relay::new(Speech::Socks5, true));
    for proxy in [format!("http://{}", http.address()), format!("http://eve:wrong@{}", http.address())] {
        let error = failing::<A>(&proxy, to("ws://target.test/"));
        let ConnectError::Proxy {
            source: ProxyError::AuthenticationRequired { refusal, had_credentials },
            ..
        } = error
        else {
            panic!("{error}")
        };
        assert_eq!((refusal.response.status(), had_credentials), (407, proxy.contains('@')));
    }
    let error = failing::<A>(&format!("socks5h://{}", socks.address()), to("ws://target.test/"));
    assert!(matches!(
        error,
        ConnectError::Proxy { source: ProxyError::NoAcceptableMethod { had_credentials: false }, .. }
    ));
    let error = failing::<A>(&format!("socks5h://eve:wrong@{}", socks.address()), to("ws://target.test/"));
    assert!(
        matches!(error, ConnectError::Proxy { source: ProxyError::CredentialsRefused(1), .. }),
        "{error}"
    );

    let (http, socks) = (Relay::new(Speech::Http, false), Relay::new(Speech::Socks5, false));
    let error = failing::<A>(&format!("http://{}", http.address()), to("ws://nowhere.example/"));
    assert!(
        matches!(error, ConnectError::Proxy { source: ProxyError::Refused(refusal), .. } if refusal.response.status() == 502)
    );
    let error = failing::<A>(&format!("socks5h://{}", socks.address()), to("ws://nowhere.example/"));
    assert!(
        matches!(
            error,
            ConnectError::Proxy { source: ProxyError::Reply(Socks5Reply::ConnectionRefused), .. }
        ),
        "{error}"
    );

    // One that speaks something else.
    let error =
        failing::<A>(&format!("socks5h://{}", http.address()), to("ws://target.test/").open_timeout(SOON));
    assert!(matches!(error, ConnectError::Proxy { source: _, .. }), "{error}");
    let trusting = TlsOptions::new().dangerous_accept_any_certificate().build().unwrap();
    let proxy = format!("https://{}", http.address());
    failing::<A>(&proxy, to("ws://target.test/").proxy_tls(trusting).open_timeout(SOON));
}

pub fn a_proxy_that_is_not_there_is_an_error_of_connecting<A: Adapter>() {
    let nobody = Nobody::default();
    let free = nobody.address();
    let options = to("wss://target.test/");
    let error = A::connect(options.proxy(format!("http://{CREDENTIALS}{free}"))).err().unwrap();
    assert_eq!(error.phase(), OpenPhase::Connect, "{error}");
    let begin = format!("through http://{free}: connecting to the proxy at {free} failed: ");
    assert!(error.to_string().starts_with(&begin), "{error}");
    let ConnectError::Proxy { proxy, source: ProxyError::Connect(failures) } = error else {
        panic!("{error}")
    };
    assert_eq!((proxy.unwrap().port(), failures[0].0), (free.port(), free));
}

pub fn a_silent_proxy_costs_open_timeout<A: Adapter>() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let steps = [("http", ProxyStep::Response), ("https", ProxyStep::Tls), ("socks5h", ProxyStep::Method)];
    for (kind, waited_for) in steps {
        let proxy = format!("{kind}://{}", silent.local_addr().unwrap());
        let error = takes(SOON, || failing::<A>(&proxy, to("wss://target.test/").open_timeout(SOON)));
        assert!(error.to_string().starts_with(&format!("through {proxy}: ")), "{error}");
        let ConnectError::Proxy { source: ProxyError::Timeout { step, open_timeout }, .. } = error else {
            panic!("{error}")
        };
        assert_eq!((step, open_timeout), (waited_for, Some(SOON)));
    }
}
