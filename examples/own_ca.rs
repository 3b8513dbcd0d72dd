//! `wss` with a certificate that no authority has signed: the client gets it as `ca`. A wrong name is refused all the same.
//! `cargo run -p ws-examples --example own_ca`. The certificate is for `localhost`; a real one comes from a file.

use std::error::Error;

use rcgen::CertifiedKey;
use ws_examples::{Outcome, listen};
use ws_tokio::tls::{TlsAcceptor, TlsOptions};
use ws_tokio::{AcceptOptions, CloseCode, ConnectError, ConnectOptions, WebSocket};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let CertifiedKey { cert, signing_key } = rcgen::generate_simple_self_signed(["localhost".to_owned()])?;
    let (certificate, key) = (cert.pem(), signing_key.serialize_pem());
    let acceptor = TlsAcceptor::new(certificate.as_bytes(), key.as_bytes())?;
    let address = listen(AcceptOptions::default().tls(acceptor), serve).await?;

    // One connector serves all connections: it reads the certificates once, and resumes sessions.
    let tls = TlsOptions::new().ca(certificate.as_bytes())?.build()?;
    let url = format!("wss://localhost:{}/", address.port());
    // The server listens at one of the addresses that `localhost` may have.
    let options = ConnectOptions::new(&url).address(address).tls(tls.clone());
    let (mut ws, _response) = WebSocket::connect(options).await?;
    ws.send("hello").await?;
    let answer = ws.recv().await?.ok_or("the server closed early")?;
    println!("{url} answered {answer}");
    assert_eq!(answer, "hello");
    println!("{}", ws.close(CloseCode::NORMAL).await);

    let other = ConnectOptions::new(format!("wss://{address}/")).tls(tls);
    let Err(error) = WebSocket::connect(other).await else { return Err("a wrong name was accepted".into()) };
    println!("wss://{address}/ is refused: {error}");
    assert!(matches!(error, ConnectError::Tls { .. }));
    Ok(())
}

async fn serve(number: u32, mut ws: WebSocket) -> Outcome {
    println!("server: TLS connection {number}");
    while let Some(message) = ws.recv().await? {
        ws.send(message).await?;
    }
    Ok(())
}
