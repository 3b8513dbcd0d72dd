//! Every way to a server: with TLS or without, through each kind of proxy.

use ws_common::{
    AcceptOptions, ConnectOptions,
    tls::{TlsAcceptor, TlsConnector},
};

use super::authority::Authority;
use crate::far::{Far, Server};
use crate::proxy::{Proxy, Script, guarded_socks, http, socks};
use crate::support::options;

/// A server and proxies, each with certificates of an authority of its own.
pub(crate) struct Place {
    pub(crate) authority: Authority,
    pub(crate) acceptor: TlsAcceptor,
    pub(crate) proxys: Authority,
    pub(crate) proxy_acceptor: TlsAcceptor,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Way {
    pub(crate) is_secure: bool,
    pub(crate) proxy: Option<&'static str>,
}

pub(crate) const NESTED: Way = Way { is_secure: true, proxy: Some("https://proxy.test") };
pub(crate) const DIRECT: Way = Way { is_secure: true, proxy: None };

/// Those with TLS in them.
pub(crate) const WAYS: [Way; 7] = [
    DIRECT,
    Way { is_secure: true, proxy: Some("http://user:secret@proxy.test:3128") },
    Way { is_secure: true, proxy: Some("socks5://proxy.test") },
    Way { is_secure: true, proxy: Some("socks5h://user:secret@proxy.test") },
    Way { is_secure: false, proxy: Some("https://proxy.test") },
    Way { is_secure: true, proxy: Some("https://user:secret@proxy.test:3129") },
    NESTED,
];

impl Place {
    pub(crate) fn new() -> Self {
        let (authority, proxys) = (Authority::new(), Authority::new());
        let acceptor = authority.issue(&["server.test"]).acceptor();
        let proxy_acceptor = proxys.issue(&["proxy.test"]).acceptor();
        Self { authority, acceptor, proxys, proxy_acceptor }
    }

    /// A client that has met nobody before.
    pub(crate) fn options(&self, way: Way) -> ConnectOptions {
        self.options_with(way, self.authority.options().build().unwrap())
    }

    pub(crate) fn options_with(&self, way: Way, tls: TlsConnector) -> ConnectOptions {
        let url = if way.is_secure { "wss://server.test/feed" } else { "ws://server.test/feed" };
        let options = options(url).tls(tls).proxy_tls(self.proxys.options().build().unwrap());
        match way.proxy {
            Some(proxy) => options.proxy(proxy),
            None => options,
        }
    }

    pub(crate) fn far(&self, way: Way) -> Far {
        self.far_with(way, self.acceptor.clone())
    }

    pub(crate) fn far_with(&self, way: Way, acceptor: TlsAcceptor) -> Far {
        let accept = AcceptOptions::default();
        let far = Far::new(Server::new(if way.is_secure { accept.tls(acceptor) } else { accept }));
        let Some(proxy) = way.proxy else { return far };
        far.behind(self.proxy(proxy, script(proxy)))
    }

    pub(crate) fn proxy(&self, url: &str, script: Script) -> Proxy {
        if url.starts_with("https") {
            Proxy::secure(&self.proxy_acceptor, script)
        } else {
            Proxy::new(script)
        }
    }
}

/// What a proxy of this URL says when all goes well.
fn script(proxy: &str) -> Script {
    match proxy {
        proxy if proxy.starts_with("http") => http(200),
        proxy if proxy.contains("user") => guarded_socks(0),
        _ => socks(0),
    }
}
