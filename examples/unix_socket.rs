//! WebSocket over a Unix socket: any stream of tokio serves as the transport, on both sides.
//! `cargo run -p ws-examples --example unix_socket`, on Unix.

#[cfg(unix)]
#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    use tokio::net::{UnixListener, UnixStream};
    use ws_tokio::{CloseCode, WebSocket, WebSocketError};

    let path = std::env::temp_dir().join(format!("ws-examples-{}.socket", std::process::id()));
    let listener = UnixListener::bind(&path)?;
    let server = tokio::spawn(async move {
        let (stream, _address) = listener.accept().await.map_err(ws_tokio::AcceptError::Io)?;
        let (mut ws, request) = WebSocket::accept(stream).await?;
        ws.send(format!("you asked for {}", request.target())).await?;
        while ws.recv().await?.is_some() {}
        Ok::<_, WebSocketError>(())
    });

    let stream = UnixStream::connect(&path).await?;
    std::fs::remove_file(&path)?;
    // The URL gives the `Host` and the path of the request.
    let (mut ws, _response) = WebSocket::connect_over(stream, "ws://localhost/status").await?;
    let answer = ws.recv().await?.ok_or("the server closed early")?;
    let closed = ws.close(CloseCode::NORMAL).await;
    println!("{:?}; {closed}", answer.as_text());
    assert_eq!(answer, "you asked for /status");
    assert!(closed.clean);
    server.await??;
    Ok(())
}

#[cfg(not(unix))]
fn main() {
    println!("this system has no Unix sockets for tokio");
}
