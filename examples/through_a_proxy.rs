//! `wss` through a proxy that asks for a name and a password, with the user's own CA. TLS goes from end to end: the proxy sees the name
//! of the server and ciphertext. `cargo run -p ws-examples --example through_a_proxy`.

use std::error::Error;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use rcgen::CertifiedKey;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use ws_examples::{Outcome, listen};
use ws_tokio::tls::{TlsAcceptor, TlsOptions};
use ws_tokio::{AcceptOptions, CloseCode, ConnectError, ConnectOptions, WebSocket};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let CertifiedKey { cert, signing_key } = rcgen::generate_simple_self_signed(["localhost".to_owned()])?;
    let certificate = cert.pem();
    let acceptor = TlsAcceptor::new(certificate.as_bytes(), signing_key.serialize_pem().as_bytes())?;
    let server = listen(AcceptOptions::default().tls(acceptor), echo).await?;
    let tunnels = Arc::new(AtomicU32::new(0));
    let proxy = proxy(server, tunnels.clone()).await?;

    let tls = TlsOptions::new().ca(certificate.as_bytes())?.build()?;
    let url = format!("wss://localhost:{}/", server.port());
    // `proxy_from_environment` takes it from `HTTPS_PROXY` instead; `socks5h://` is a SOCKS proxy.
    let options = ConnectOptions::new(&url).tls(tls).proxy(format!("http://user:secret@{proxy}"));
    let (mut ws, _response) = WebSocket::connect(options.clone()).await?;
    ws.send("hello").await?;
    let answer = ws.recv().await?.ok_or("the server closed early")?;
    println!("{url} answered {answer} through {proxy}");
    assert_eq!((answer.as_text(), tunnels.load(Ordering::Relaxed)), (Some("hello"), 1));
    println!("{}", ws.close(CloseCode::NORMAL).await);

    let wrong = options.proxy(format!("http://user:wrong@{proxy}"));
    let Err(error) = WebSocket::connect(wrong).await else {
        return Err("a wrong password was accepted".into());
    };
    println!("with a wrong password: {error}");
    assert!(matches!(error, ConnectError::Proxy { .. }) && !error.to_string().contains("wrong"));
    Ok(())
}

async fn echo(_number: u32, mut ws: WebSocket) -> Outcome {
    while let Some(message) = ws.recv().await? {
        ws.send(message).await?;
    }
    Ok(())
}

/// A proxy for one server: CONNECT (RFC 9110 §9.3.6) and `Proxy-Authorization` (§11.7.1), in a task of its own.
async fn proxy(server: SocketAddr, tunnels: Arc<AtomicU32>) -> std::io::Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move {
        loop {
            let client = match listener.accept().await {
                Ok((client, _peer)) => client,
                // The client is gone, or the system has no resources left at present.
                Err(error) => {
                    eprintln!("proxy: {error}");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                }
            };
            let tunnels = tunnels.clone();
            tokio::spawn(async move {
                if let Err(error) = tunnel(client, server, &tunnels).await {
                    eprintln!("proxy: {error}");
                }
            });
        }
    });
    Ok(address)
}

async fn tunnel(client: TcpStream, server: SocketAddr, tunnels: &AtomicU32) -> Outcome {
    let mut client = BufReader::new(client);
    let mut head = String::new();
    while client.read_line(&mut head).await? > 2 {}
    println!("proxy: {}", head.lines().next().unwrap_or_default());
    // `user:secret` in base64.
    if !head.contains("Basic dXNlcjpzZWNyZXQ=") {
        let refusal = "HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n";
        return Ok(client.write_all(refusal.as_bytes()).await?);
    }
    let mut server = TcpStream::connect(server).await?;
    client.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await?;
    tunnels.fetch_add(1, Ordering::Relaxed);
    copy_bidirectional(&mut client, &mut server).await?;
    Ok(())
}
