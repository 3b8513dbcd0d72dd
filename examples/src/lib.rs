//! The listener that the examples share: it lets a program talk to a small server of its own, in the same process.

use std::error::Error;
use std::net::SocketAddr;

use tokio::net::TcpListener;
use ws_tokio::{AcceptError, AcceptOptions, Listener, WebSocket};

/// A result whose error comes from any crate, and may go from one task or thread to another.
pub type Outcome<T = ()> = Result<T, Box<dyn Error + Send + Sync>>;

/// Starts a server on 127.0.0.1, in a task of its own, and gives its address. It calls `serve` with each connection and the
/// number of the connection, from 1.
pub async fn listen<F>(
    options: AcceptOptions,
    serve: impl Fn(u32, WebSocket) -> F + Clone + Send + 'static,
) -> std::io::Result<SocketAddr>
where
    F: Future<Output = Outcome> + Send + 'static,
{
    let socket = TcpListener::bind("127.0.0.1:0").await?;
    let address = socket.local_addr()?;
    let listener = Listener::from_listener(socket, options);
    tokio::spawn(async move {
        let mut number = 0;
        loop {
            let (incoming, _peer) = match listener.accept().await {
                Ok(accepted) => accepted,
                Err(AcceptError::Shutdown) => break,
                Err(error) => return eprintln!("server: {error}"),
            };
            number += 1;
            let (number, serve) = (number, serve.clone());
            tokio::spawn(async move {
                let served = match incoming.accept().await {
                    Ok((ws, _request)) => serve(number, ws).await,
                    Err(error) => Err(error.into()),
                };
                if let Err(error) = served {
                    eprintln!("server: {error}");
                }
            });
        }
    });
    Ok(address)
}
