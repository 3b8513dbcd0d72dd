//! A fresh token for each attempt to connect, in the header `Authorization`.
//! `cargo run -p ws-examples --example token`. Its server accepts each token once, and drops the first connection.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ws_examples::Outcome;
use ws_tokio::handshake::{Accept, Reject};
use ws_tokio::{AcceptError, Client, ClientEvent, CloseCode, Incoming, Listener, Reconnect};

/// The tokens that the server has accepted.
type Tokens = Arc<Mutex<Vec<String>>>;

#[tokio::main]
async fn main() -> Outcome {
    let listener = Listener::bind("127.0.0.1:0").await?;
    let url = format!("ws://{}/", listener.local_addr()?);
    // A client that sends nothing.
    let _silent = tokio::net::TcpStream::connect(listener.local_addr()?).await?;
    let accepted = Tokens::default();
    tokio::spawn(serve(listener, accepted.clone()));

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
    let accepted = accepted.lock().expect("no panic");
    println!("the server accepted {accepted:?}");
    assert_eq!(*accepted, ["Bearer token1", "Bearer token2"]);
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

/// Gives each client a task, so that a client that is silent or has no token holds up no other.
async fn serve(listener: Listener, used: Tokens) {
    loop {
        let (incoming, _peer) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(AcceptError::Shutdown) => break,
            Err(error) => return eprintln!("server: {error}"),
        };
        let used = used.clone();
        tokio::spawn(async move {
            if let Err(error) = welcome(incoming, &used).await {
                eprintln!("server: {error}");
            }
        });
    }
}

/// Serves a client, if its token is good and was not used before.
async fn welcome(incoming: Incoming, used: &Tokens) -> Outcome {
    let unauthorized = Reject::new(401)?;
    let mut is_first = false;
    let accepting = incoming.accept_with(|request| {
        let mut used = used.lock().expect("no panic");
        match request.headers().get("Authorization") {
            Some(token) if token.starts_with("Bearer ") && !used.iter().any(|used| used == token) => {
                is_first = used.is_empty();
                used.push(token.to_owned());
                Ok(Accept::new())
            }
            _ => Err(unauthorized),
        }
    });
    let (mut ws, _request) = accepting.await?;
    ws.send(if is_first { "welcome" } else { "welcome back" }).await?;
    // Dropped without a closing handshake, the first connection is lost for the client.
    if !is_first {
        while ws.recv().await?.is_some() {}
    }
    Ok(())
}
