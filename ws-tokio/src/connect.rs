//! From a URL to an open connection.

use std::cell::Cell;
use std::future::poll_fn;
use std::net::SocketAddr;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpSocket, TcpStream, lookup_host};
use tokio::time::{Instant as Clock, timeout_at};
use ws_client::{ConnectError, ConnectOptions, Host, Phase, random};
use ws_core::{ClientHandshake, HandshakeError, Instant, Response};

use crate::driver::Driver;
use crate::socket::Socket;
use crate::websocket::WebSocket;

pub(crate) async fn connect(options: &ConnectOptions) -> Result<(WebSocket, Response), ConnectError> {
    let deadline = Clock::now() + options.time_to_open();
    let phase = Cell::new(Phase::Resolve);
    let opening = async {
        let addresses = resolve(options).await?;
        phase.set(Phase::Connect);
        let transport = dial(options, &addresses).await?;
        phase.set(Phase::Handshake);
        handshake(transport, options, deadline).await
    };
    // The handshake keeps the deadline by itself, so that it can say more.
    match timeout_at(deadline + std::time::Duration::from_millis(1), opening).await {
        Ok(opened) => opened,
        Err(_) => Err(ConnectError::Timeout(phase.get())),
    }
}

async fn resolve(options: &ConnectOptions) -> Result<Vec<SocketAddr>, ConnectError> {
    let target = options.target();
    if let Some(address) = options.remote_address() {
        return Ok(vec![address]);
    }
    match target.host() {
        Host::Address(address) => Ok(vec![SocketAddr::new(*address, target.port())]),
        Host::Name(host) => {
            let failed = |source| ConnectError::Resolve { host: host.clone(), source };
            let addresses: Vec<_> = lookup_host((&**host, target.port())).await.map_err(failed)?.collect();
            let none = || failed(std::io::Error::new(std::io::ErrorKind::NotFound, "it has no address"));
            if addresses.is_empty() { Err(none()) } else { Ok(addresses) }
        }
    }
}

async fn dial(options: &ConnectOptions, addresses: &[SocketAddr]) -> Result<TcpStream, ConnectError> {
    let mut failure = ConnectError::Timeout(Phase::Connect);
    for &address in addresses {
        match dial_one(options, address).await {
            Ok(transport) => return Ok(transport),
            Err(source) => failure = ConnectError::Connect { address, source },
        }
    }
    Err(failure)
}

async fn dial_one(options: &ConnectOptions, address: SocketAddr) -> std::io::Result<TcpStream> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    if let Some(local) = options.local_address() {
        socket.bind(local)?;
    }
    let transport = socket.connect(address).await?;
    transport.set_nodelay(options.is_nodelay())?;
    Ok(transport)
}

pub(crate) async fn handshake<T: AsyncRead + AsyncWrite + Unpin>(
    transport: T,
    options: &ConnectOptions,
    deadline: Clock,
) -> Result<(WebSocket<T>, Response), ConnectError> {
    let epoch = Clock::now();
    let deadline = Instant::since_epoch(deadline.saturating_duration_since(epoch));
    let config = options.connection_config().clone();
    let random = random().map_err(ConnectError::Local)?;
    let machine = ClientHandshake::new(options.request(), config, random, deadline);
    let mut driver = Driver::new(transport, machine, epoch);
    let response = poll_fn(|cx| driver.poll_event(cx)).await?;
    let driver = driver.change(|handshake, now| handshake.open(now).ok());
    // The response was reported, so that the handshake is ready to open.
    let driver = driver.ok_or(ConnectError::Handshake(HandshakeError::Timeout))?;
    Ok((WebSocket::new(Socket::new(driver)), response))
}
