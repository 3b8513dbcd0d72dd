//! A fresh token for each attempt to connect, in the header `Authorization`.
//! `cargo run -p ws-examples --example token`. Its server accepts each token once, and drops the first connection.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use ws_examples::Outcome;
use ws_tokio::handshake::{Accept, Reject};
use ws_tokio::{Client, ClientEvent, CloseCode, Listener, Reconnect};

#[tokio::main]
async fn main() -> Outcome {
    let listener = Listener::bind("127.0.0.1:0").await?;
    let url = format!("ws://{}/", listener.local_addr()?);
    let server = tokio::spawn(serve(listener));

    let mut client = Client::builder(&url)
        .prepare_async(async |_attempt, options| {
            let token = fetch_token().await?;
            Ok(options.header("Authorization", format!("Bearer {token}")))
        })
        .reconnect(Reconnect::after(Duration::from_millis(200)))
        .build()?;
    while let Some(event) = client.next_event().await {
        match event {
            ClientEvent::Message(message) if message == "welcome back" => {
                client.start_close(CloseCode::NORMAL);
            }
            ClientEvent::Message(message) => println!("received {message}"),
            ClientEvent::Reconnecting { after, cause, .. } => println!("again in {after:?}: {cause}"),
            _ => {}
        }
    }
    let accepted = server.await??;
    println!("the server accepted {accepted:?}");
    assert_eq!(accepted, ["Bearer token1", "Bearer token2"]);
    Ok(())
}

/// A token of its own for each call, as a service of accounts issues them.
async fn fetch_token() -> std::io::Result<String> {
    static ISSUED: AtomicU32 = AtomicU32::new(0);
    tokio::time::sleep(Duration::from_millis(10)).await;
    match ISSUED.fetch_add(1, Ordering::Relaxed) {
        // An attempt without a token fails, and another one follows.
        0 => Err(std::io::ErrorKind::TimedOut.into()),
        token => Ok(format!("token{token}")),
    }
}

/// Serves two clients, one after the other, and gives their tokens.
async fn serve(listener: Listener) -> Outcome<Vec<String>> {
    let mut used = Vec::new();
    while used.len() < 2 {
        let unauthorized = Reject::new(401)?;
        let (incoming, _peer) = listener.accept().await?;
        let accepting = incoming.accept_with(|request| match request.headers().get("Authorization") {
            Some(token) if token.starts_with("Bearer ") && !used.iter().any(|used| used == token) => {
                used.push(token.to_owned());
                Ok(Accept::new())
            }
            _ => Err(unauthorized),
        });
        let (mut ws, _request) = accepting.await?;
        let is_first = used.len() == 1;
        ws.send(if is_first { "welcome" } else { "welcome back" }).await?;
        // Dropped without a closing handshake, the first connection is lost for the client.
        if !is_first {
            while ws.recv().await?.is_some() {}
        }
    }
    Ok(used)
}
