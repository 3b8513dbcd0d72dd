//! A client that stays connected over a Unix socket: its connector supplies the transport of each attempt.
//! `cargo run -p ws-examples --example unix_socket`, on Unix.

#[cfg(unix)]
#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    use std::time::Duration;

    use tokio::net::{UnixListener, UnixStream};
    use ws_tokio::{Client, ClientEvent, CloseCode, Reconnect, WebSocket, WebSocketError};

    let path = std::env::temp_dir().join(format!("ws-examples-{}.socket", std::process::id()));
    let listener = UnixListener::bind(&path)?;
    let server = tokio::spawn(async move {
        // It restarts once.
        for greeting in ["hello", "hello again"] {
            let (stream, _address) = listener.accept().await.map_err(ws_tokio::AcceptError::Io)?;
            let (mut ws, request) = WebSocket::accept(stream).await?;
            ws.send(format!("{greeting}, you asked for {}", request.target())).await?;
            ws.close(CloseCode::GOING_AWAY).await;
        }
        Ok::<_, WebSocketError>(())
    });

    let socket = path.clone();
    // The URL gives the `Host` and the path of the request.
    let mut client = Client::builder("ws://localhost/status")
        .connector(move |_options| {
            let socket = socket.clone();
            async move { Ok(UnixStream::connect(socket).await?) }
        })
        .reconnect(Reconnect::after(Duration::from_millis(100)).max_attempts(1))
        .build()?;
    let mut answers = Vec::new();
    while let Some(event) = client.next_event().await {
        println!("{event}");
        if let ClientEvent::Message(message) = event {
            answers.push(message.into_text()?);
        }
    }
    std::fs::remove_file(&path)?;
    assert_eq!(answers, ["hello, you asked for /status", "hello again, you asked for /status"]);
    server.await??;
    Ok(())
}

#[cfg(not(unix))]
fn main() {
    println!("this system has no Unix sockets for tokio");
}
