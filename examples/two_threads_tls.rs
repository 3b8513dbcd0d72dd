//! Two threads share one `wss` connection: one sends, the other receives at the same time. No runtime is needed.
//! `cargo run -p ws-examples --example two_threads_tls`. Its echo server is a third thread.

use std::error::Error;
use std::net::TcpListener;
use std::thread;

use rcgen::CertifiedKey;
use ws_blocking::tls::{TlsAcceptor, TlsOptions};
use ws_blocking::{AcceptOptions, CloseCode, ConnectOptions, Listener, WebSocket, WebSocketError};

const MESSAGES: u32 = 1000;

fn main() -> Result<(), Box<dyn Error>> {
    let CertifiedKey { cert, signing_key } = rcgen::generate_simple_self_signed(["localhost".to_owned()])?;
    let (certificate, key) = (cert.pem(), signing_key.serialize_pem());
    let options = AcceptOptions::default().tls(TlsAcceptor::new(certificate.as_bytes(), key.as_bytes())?);
    let listener = Listener::from_listener(TcpListener::bind("127.0.0.1:0")?, options);
    let address = listener.local_addr()?;
    let server = thread::spawn(move || serve(&listener));

    let options = ConnectOptions::new(format!("wss://localhost:{}/", address.port()))
        .address(address)
        .tls(TlsOptions::new().ca(certificate.as_bytes())?.build()?);
    let (ws, _response) = WebSocket::connect(options)?;
    let (mut sender, mut receiver) = ws.split();
    let sending = thread::spawn(move || -> Result<_, WebSocketError> {
        for number in 0..MESSAGES {
            sender.send(format!("message {number}"))?;
        }
        Ok(sender)
    });
    for number in 0..MESSAGES {
        let message = receiver.recv()?.ok_or("the server closed early")?;
        assert_eq!(message, format!("message {number}"));
    }
    let mut sender = sending.join().map_err(|_| "the sending thread panicked")??;
    let closed = sender.close(CloseCode::NORMAL);
    println!("{MESSAGES} messages came back in order; {closed}");
    assert!(closed.clean);
    server.join().map_err(|_| "the server panicked")??;
    Ok(())
}

/// Serves one client.
fn serve(listener: &Listener) -> Result<(), WebSocketError> {
    let (incoming, _peer) = listener.accept()?;
    let (mut ws, _request) = incoming.accept()?;
    while let Some(message) = ws.recv()? {
        ws.send(message)?;
    }
    Ok(())
}
