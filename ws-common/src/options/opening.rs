//! The settings of an attempt: the request, the socket, TLS, proxies.

use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use ws_core::{ClientRequest, InvalidHeader};

use super::ConnectOptions;
use super::checked::{CheckedOptions, ProxyChoice};
use super::error::InvalidSetting;
use super::setters::setters;
use crate::proxy::{Environment, Proxy, ProxyScheme};
use crate::system;
use crate::tls::{self, TlsConnector};

setters! {
    //! The request.

    /// Adds a header field to the request, in order; `Host` may be set. [`ClientRequest::header`] tells which fields are refused. User name and
    /// password in the URL are an `Authorization` as well, beside which there is no second one.
    fn header(name: impl AsRef<str>, value: impl AsRef<str>) =
        try_set_request(|request| request.header(name.as_ref(), value.as_ref()));

    /// Sets `Origin`. The last call wins.
    fn origin(origin: impl AsRef<str>) = try_set_request(|request| request.origin(origin.as_ref()));

    /// Offers a subprotocol, in order of preference.
    fn subprotocol(name: impl AsRef<str>) = try_set_request(|request| request.subprotocol(name.as_ref()));

    /// Whether a response that chooses none of the subprotocols is an error. Default: no. It is an error of `build` and `connect` if none
    /// is offered, since no response could meet that.
    fn require_subprotocol(required: bool) =
        try_set_request(|request| Ok(request.require_subprotocol(required)));
}

setters! {
    //! The way to the server.

    /// The longest time for an attempt, from resolving the name to the open connection. Default: 10 s.
    fn open_timeout(timeout: Duration) = set(|options| options.set_open_timeout(timeout));

    /// Connects to this address instead of resolving the URL's host, which still stands in `Host`. Several calls give several
    /// addresses, between which there is a race (RFC 8305), as between those of a name.
    fn address(address: impl Into<SocketAddr>) = set(|options| options.addresses.push(address.into()));
}

setters! {
    //! The TCP socket of each attempt.

    /// The local address to connect from. Port 0 lets the system choose one. Default: the system chooses.
    ///
    /// A port that is set is shared (`SO_REUSEADDR`), so that a reconnect and the second address of a race get it again. Two connections
    /// from one port to the same server cannot exist at once; the error then names the local address.
    fn bind(address: impl Into<SocketAddr>) = set(|options| options.socket.bind = Some(address.into()));

    /// Whether small writes go out at once (`TCP_NODELAY`). Default: yes.
    fn nodelay(nodelay: bool) = set(|options| options.socket.nodelay = nodelay);

    /// Number of unsent bytes at which the system stops taking more (`TCP_NOTSENT_LOWAT`, on Linux and Android). Default: 64 KiB.
    /// `None` leaves it to the system, which holds several megabytes.
    ///
    /// Bytes that the system holds lie before the next ping. Linux takes whole packets of up to 64 KiB before segmentation, so that it may
    /// hold one packet more than this number. A live peer is not declared dead while (`notsent_lowat` + 64 KiB + bytes in flight) ÷ rate <
    /// [`pong_timeout`](Self::pong_timeout). For example, with the default and 64 KiB in flight, 192 KiB at 10 KB/s take 19.7 s,
    /// which is less than the default of 20 s. Over loopback, a value of 16 KiB or more costs neither throughput nor processor time. Over
    /// a link of 10 MB/s with a round trip of 50 or 100 ms (tokio, 2026-11-30), values of 16, 64 and 128 KiB and `None` all reach 9.6 MB/s
    /// of payload, which is the rate of the link.
    fn notsent_lowat(bytes: impl Into<Option<u32>>) = set(|options| options.socket.notsent_lowat = bytes.into());

    /// Time without traffic after which the system asks whether the peer is there, and time between two such questions
    /// (`SO_KEEPALIVE`). Default: 60 s. `None` turns it off.
    ///
    /// It keeps the entry of a NAT alive. A dead peer is found sooner by [`ping_interval`](Self::ping_interval).
    fn tcp_keepalive(time: impl Into<Option<Duration>>) = set(|options| options.socket.tcp_keepalive = time.into());

    /// Calls `hook` with each socket before it is bound and connects, after all other options were set. An error fails the attempt at
    /// this address, and is a source of the error in [`ConnectError::Connect`](crate::ConnectError::Connect). A client whose attempt
    /// failed so at each address reports an end by us.
    ///
    /// The socket is not connected. It implements `AsFd` (`AsSocket` on Windows), so that a crate such as `socket2` can set its options.
    /// `SO_LINGER` is set by the library: closing a socket before its attempt has won resets it.
    ///
    /// ```
    /// let options = ws_common::ConnectOptions::new("ws://127.0.0.1:8080/")
    ///     .on_socket(|socket| socket.set_ttl(16));
    /// ```
    fn on_socket(hook: impl Fn(&TcpStream) -> std::io::Result<()> + Send + Sync + 'static) =
        set(|options| options.socket.hook = Some(Arc::new(hook)));
}

setters! {
    //! TLS and proxies.

    /// The TLS of `wss`: own authorities, a certificate of the client, another name, from
    /// `TlsOptions`, or a `rustls::ClientConfig` of one's own, in an `Arc`. Default: the root certificates of the platform.
    fn tls(tls: impl Into<TlsConnector>) = set(|options| options.tls = Some(tls.into()));

    /// Goes through this proxy: `http://`, `https://`, `socks5://` or `socks5h://` (`socks://` is the same), with `user:password@` if it
    /// asks for them.
    ///
    /// `socks5` is told the address of the target, which is resolved here; all others are told its name.
    fn proxy(url: impl AsRef<str>) = try_set(|options| proxied(options, url.as_ref()));

    /// Goes through the proxy that the environment names now, if it names one for the target: by `HTTPS_PROXY` for `wss`,
    /// `HTTP_PROXY` for `ws`, `ALL_PROXY` for both, except what `NO_PROXY` lists. See [`Proxy::from_environment`].
    ///
    /// A variable that counts and is not UTF-8 fails the attempt ([`ProxyError::UnreadableVariable`](crate::proxy::ProxyError)).
    fn proxy_from_environment() = set(|options| options.proxy = ProxyChoice::Environment(Environment::new(system::variable)));

    /// The TLS that is spoken with an `https` proxy itself. Default: the root certificates of the platform. A TLS that was set by
    /// [`tls`](Self::tls) is meant for the target, and is not used there.
    fn proxy_tls(tls: impl Into<TlsConnector>) = set(|options| options.proxy_tls = Some(tls.into()));
}

fn proxied(mut options: CheckedOptions, url: &str) -> Result<CheckedOptions, InvalidSetting> {
    let proxy: Proxy = url.parse()?;
    if proxy.scheme() == ProxyScheme::Https && !tls::IS_SUPPORTED {
        return Err(InvalidSetting::TlsUnsupported);
    }
    options.proxy = ProxyChoice::This(proxy);
    Ok(options)
}

impl ConnectOptions {
    fn try_set_request(
        self,
        set: impl FnOnce(ClientRequest) -> Result<ClientRequest, InvalidHeader>,
    ) -> Self {
        self.try_set(|options| set(options.request).map(|request| CheckedOptions { request, ..options }))
    }
}
