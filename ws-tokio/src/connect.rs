//! From a URL to an open connection.

use std::future::poll_fn;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::Poll;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpSocket, TcpStream, lookup_host};
use tokio::time::{Instant as Clock, timeout_at};
use ws_client::{AttemptId, ConnectError, ConnectOptions, Dial, DialStep, Host, Phase, random};
use ws_core::{ClientHandshake, HandshakeError, Instant, Response};

use crate::driver::Driver;
use crate::socket::Socket;
use crate::websocket::WebSocket;

pub(crate) async fn connect(options: &ConnectOptions) -> Result<(WebSocket, Response), ConnectError> {
    let deadline = Clock::now() + options.time_to_open();
    let (transport, _) = reach(options, deadline).await?;
    handshake(transport, options, deadline).await
}

/// Resolves and connects. Says to which address: a socket that was reset meanwhile does not know it any more.
pub(crate) async fn reach(
    options: &ConnectOptions,
    deadline: Clock,
) -> Result<(TcpStream, SocketAddr), ConnectError> {
    let late = |phase| move |_| ConnectError::Timeout(phase);
    let addresses = timeout_at(deadline, resolve(options)).await.map_err(late(Phase::Resolve))??;
    timeout_at(deadline, dial(options, addresses)).await.map_err(late(Phase::Connect))?
}

async fn resolve(options: &ConnectOptions) -> Result<Vec<SocketAddr>, ConnectError> {
    let target = options.target();
    if let addresses @ [_, ..] = options.remote_addresses() {
        return Ok(addresses.to_vec());
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

/// The race of RFC 8305 between the addresses.
async fn dial(
    options: &ConnectOptions,
    addresses: Vec<SocketAddr>,
) -> Result<(TcpStream, SocketAddr), ConnectError> {
    let epoch = Clock::now();
    let mut dial = Dial::new(addresses);
    // Those that lose are dropped with this.
    let mut attempts: Vec<(AttemptId, Pin<Box<dyn Future<Output = _> + Send + '_>>)> = Vec::new();
    loop {
        let deadline = match dial.poll(Instant::since_epoch(epoch.elapsed())) {
            DialStep::Start { attempt, address } => {
                attempts.push((attempt, Box::pin(dial_one(options, address))));
                continue;
            }
            DialStep::Won { transport, address, .. } => return Ok((transport, address)),
            DialStep::Failed(failures) => return Err(ConnectError::Connect(failures)),
            DialStep::Wait(deadline) => deadline,
        };
        let ended = poll_fn(|cx| {
            let ended = attempts.iter_mut().enumerate().find_map(|(n, (_, attempt))| {
                match attempt.as_mut().poll(cx) {
                    Poll::Ready(result) => Some((n, result)),
                    Poll::Pending => None,
                }
            });
            ended.map_or(Poll::Pending, Poll::Ready)
        });
        let ended = match deadline {
            Some(deadline) => timeout_at(epoch + deadline.elapsed(), ended).await.ok(),
            None => Some(ended.await),
        };
        if let Some((n, result)) = ended {
            dial.handle_result(attempts.swap_remove(n).0, result);
        }
    }
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
