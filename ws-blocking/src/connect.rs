//! From a URL to an open connection.

use std::io;
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::ops::ControlFlow::{Break, Continue};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant as Clock};

use socket2::{Domain, Protocol, Socket, Type};
use ws_client::{ConnectError, ConnectOptions, Dial, DialStep, Host, Phase, random};
use ws_core::{ClientHandshake, HandshakeError, Instant, Machine, Response};

use crate::driver::Driver;
use crate::shared::Shared;
use crate::transport::Transport;
use crate::websocket::WebSocket;

pub(crate) fn connect(options: &ConnectOptions) -> Result<(WebSocket, Response), ConnectError> {
    let start = Clock::now();
    handshake(reach(options, start)?.0, options, start)
}

/// Resolves and connects. The time to open counts from `start`. Says to which address: a socket that was reset meanwhile does
/// not know it any more.
pub(crate) fn reach(options: &ConnectOptions, start: Clock) -> Result<(TcpStream, SocketAddr), ConnectError> {
    dial(options, &resolve(options, start)?, start)
}

/// What is left of the time to open in this phase.
fn time_left(options: &ConnectOptions, start: Clock, phase: Phase) -> Result<Duration, ConnectError> {
    let left = options.time_to_open().saturating_sub(start.elapsed());
    if left.is_zero() { Err(ConnectError::Timeout(phase)) } else { Ok(left) }
}

fn resolve(options: &ConnectOptions, start: Clock) -> Result<Vec<SocketAddr>, ConnectError> {
    let target = options.target();
    if let addresses @ [_, ..] = options.remote_addresses() {
        return Ok(addresses.to_vec());
    }
    let port = target.port();
    match target.host() {
        Host::Address(address) => Ok(vec![SocketAddr::new(*address, port)]),
        Host::Name(host) => {
            let failed = |source| ConnectError::Resolve { host: host.clone(), source };
            let left = time_left(options, start, Phase::Resolve)?;
            let addresses = look_up(host.clone(), port, left)
                .map_err(ConnectError::Local)?
                .ok_or(ConnectError::Timeout(Phase::Resolve))?
                .map_err(failed)?;
            let none = || failed(io::Error::new(io::ErrorKind::NotFound, "it has no address"));
            if addresses.is_empty() { Err(none()) } else { Ok(addresses) }
        }
    }
}

/// The system's resolver cannot be called off: it has a thread of its own, and nothing waits for it beyond `patience`.
fn look_up(host: String, port: u16, patience: Duration) -> io::Result<Option<io::Result<Vec<SocketAddr>>>> {
    let (tell, told) = mpsc::channel();
    thread::Builder::new().name("ws-resolve".into()).spawn(move || {
        // Nobody may be there any more to be told.
        let _ = tell.send((&*host, port).to_socket_addrs().map(Vec::from_iter));
    })?;
    Ok(told.recv_timeout(patience).ok())
}

/// The race of RFC 8305 between the addresses, each in a thread of its own; a single one needs none.
fn dial(
    options: &ConnectOptions,
    addresses: &[SocketAddr],
    start: Clock,
) -> Result<(TcpStream, SocketAddr), ConnectError> {
    let phase = Phase::Connect;
    let (local, nodelay) = (options.local_address(), options.is_nodelay());
    if let &[address] = addresses {
        let dialed = dial_one(address, local, nodelay, time_left(options, start, phase)?);
        return dialed.map(|transport| (transport, address)).or_else(|error| {
            time_left(options, start, phase).and(Err(ConnectError::Connect(vec![(address, error)])))
        });
    }
    let mut dial = Dial::new(addresses.iter().copied());
    let (tell, told) = mpsc::channel();
    loop {
        let left = time_left(options, start, phase)?;
        let now = Instant::since_epoch(start.elapsed());
        match dial.poll(now) {
            DialStep::Won { transport, address, .. } => return Ok((transport, address)),
            DialStep::Failed(failures) => return Err(ConnectError::Connect(failures)),
            DialStep::Start { attempt, address } => {
                let tell = tell.clone();
                let attempting = thread::Builder::new().name("ws-dial".into()).spawn(move || {
                    // What connects after the race is dropped with the channel.
                    let _ = tell.send((attempt, dial_one(address, local, nodelay, left)));
                });
                if let Err(error) = attempting {
                    dial.handle_result(attempt, Err(error));
                }
            }
            DialStep::Wait(deadline) => {
                let patience = deadline.map_or(left, |deadline| left.min(deadline - now));
                if let Ok((attempt, result)) = told.recv_timeout(patience) {
                    dial.handle_result(attempt, result);
                }
            }
        }
    }
}

fn dial_one(
    address: SocketAddr,
    local: Option<SocketAddr>,
    nodelay: bool,
    patience: Duration,
) -> io::Result<TcpStream> {
    let transport = match local {
        None => TcpStream::connect_timeout(&address, patience)?,
        Some(local) => {
            let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
            socket.bind(&local.into())?;
            socket.connect_timeout(&address.into(), patience)?;
            socket.into()
        }
    };
    transport.set_nodelay(nodelay)?;
    Ok(transport)
}

/// The time to open counts from `start`.
pub(crate) fn handshake<S: Transport>(
    transport: S,
    options: &ConnectOptions,
    start: Clock,
) -> Result<(WebSocket<S>, Response), ConnectError> {
    let deadline = Instant::since_epoch(options.time_to_open());
    let config = options.connection_config();
    let random = random().map_err(ConnectError::Local)?;
    let machine = ClientHandshake::new(options.request(), config.clone(), random, deadline);
    let driver = Driver::new(transport, machine, start, Duration::MAX);
    let response = driver.drive(|state| match state.machine.poll_event() {
        Ok(None) => Continue(Some(Duration::MAX)),
        Ok(Some(response)) => Break(Ok(response)),
        Err(error) => Break(Err(error)),
    })?;
    // The response was reported, so that the handshake is ready to open.
    let driver = driver.change(config.shortest_timeout(), |handshake, now| {
        handshake.open(now).map_err(|_| HandshakeError::Timeout)
    })?;
    Ok((WebSocket::new(Arc::new(Shared::new(driver, None))), response))
}
