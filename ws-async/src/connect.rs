//! From a URL to an open connection.

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::Poll;
use std::time::{Duration, Instant as Clock};

use ws_client::{AttemptId, ConnectError, ConnectOptions, Dial, DialStep, Host, Phase, random};
use ws_core::{ClientHandshake, HandshakeError, Instant, Response};

use crate::driver::Driver;
use crate::runtime::{Io, Runtime, after, until};
use crate::socket::Socket;
use crate::websocket::WebSocket;

pub(crate) async fn connect<R: Runtime>(
    options: &ConnectOptions,
) -> Result<(WebSocket<R>, Response), ConnectError> {
    let deadline = after::<R>(options.time_to_open());
    let (transport, _) = reach::<R>(options, deadline).await?;
    handshake(transport, options, deadline).await
}

/// Resolves and connects. Says to which address: a socket that was reset meanwhile does not know it any more.
pub(crate) async fn reach<R: Runtime>(
    options: &ConnectOptions,
    deadline: Option<Clock>,
) -> Result<(R::TcpStream, SocketAddr), ConnectError> {
    let late = |phase| move || ConnectError::Timeout(phase);
    let resolved = until::<R, _>(deadline, resolve::<R>(options)).await;
    let addresses = resolved.ok_or_else(late(Phase::Resolve))??;
    let dialed = until::<R, _>(deadline, dial::<R>(options, addresses)).await;
    dialed.ok_or_else(late(Phase::Connect))?
}

async fn resolve<R: Runtime>(options: &ConnectOptions) -> Result<Vec<SocketAddr>, ConnectError> {
    let target = options.target();
    if let addresses @ [_, ..] = options.remote_addresses() {
        return Ok(addresses.to_vec());
    }
    match target.host() {
        Host::Address(address) => Ok(vec![SocketAddr::new(*address, target.port())]),
        Host::Name(host) => {
            let failed = |source| ConnectError::Resolve { host: host.clone(), source };
            let addresses = R::resolve((host.clone(), target.port())).await.map_err(failed)?;
            let none = || failed(io::Error::new(io::ErrorKind::NotFound, "it has no address"));
            if addresses.is_empty() { Err(none()) } else { Ok(addresses) }
        }
    }
}

/// The race of RFC 8305 between the addresses.
async fn dial<R: Runtime>(
    options: &ConnectOptions,
    addresses: Vec<SocketAddr>,
) -> Result<(R::TcpStream, SocketAddr), ConnectError> {
    let epoch = R::now();
    let mut dial = Dial::new(addresses);
    // Those that lose are dropped with this.
    let mut attempts: Vec<(AttemptId, Pin<Box<_>>)> = Vec::new();
    loop {
        let now = Instant::since_epoch(R::now().saturating_duration_since(epoch));
        let deadline = match dial.poll(now) {
            DialStep::Start { attempt, address } => {
                attempts.push((attempt, Box::pin(dial_one::<R>(options, address))));
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
        let deadline = deadline.and_then(|deadline| epoch.checked_add(deadline.elapsed()));
        if let Some((n, result)) = until::<R, _>(deadline, ended).await {
            dial.handle_result(attempts.swap_remove(n).0, result);
        }
    }
}

async fn dial_one<R: Runtime>(options: &ConnectOptions, address: SocketAddr) -> io::Result<R::TcpStream> {
    let transport = R::connect(address, options.local_address()).await?;
    R::set_nodelay(&transport, options.is_nodelay())?;
    Ok(transport)
}

pub(crate) async fn handshake<R: Runtime + Io<T>, T>(
    mut transport: T,
    options: &ConnectOptions,
    deadline: Option<Clock>,
) -> Result<(WebSocket<R, T>, Response), ConnectError> {
    let epoch = R::now();
    let left = deadline.map_or(Duration::MAX, |deadline| deadline.saturating_duration_since(epoch));
    let config = options.connection_config().clone();
    let random = random().map_err(ConnectError::Local)?;
    let machine = ClientHandshake::new(options.request(), config, random, Instant::since_epoch(left));
    let mut driver = Driver::<R, _>::new(machine, epoch);
    let response = poll_fn(|cx| driver.poll_event(&mut transport, cx)).await?;
    let driver = driver.change(|handshake, now| handshake.open(now).ok());
    // The response was reported, so that the handshake is ready to open.
    let driver = driver.ok_or(ConnectError::Handshake(HandshakeError::Timeout))?;
    Ok((WebSocket::new(Socket::new(transport, driver)), response))
}
