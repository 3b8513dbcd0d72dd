//! The client of Workerman's manual: it sends on open, keeps a heartbeat, reports events, and reconnects after a second.
//! `cargo run -p ws-examples --example manual [URL]`. Without a URL, it talks to a server of its own, which drops the first connection.

use std::time::Duration;

use ws_examples::{Outcome, listen};
use ws_tokio::{AcceptOptions, Client, ClientEvent, CloseCode, Reconnect, WebSocket};

#[tokio::main]
async fn main() -> Outcome {
    let own_server = format!("ws://{}/", listen(AcceptOptions::default(), serve).await?);
    let url = std::env::args().nth(1).unwrap_or(own_server);
    let mut client = Client::builder(&url)
        .header("Cookie", "PHPSESSID=abc123; user=xiaoming")
        .on_open(|_response| ["hello"])
        .ping_interval(Duration::from_secs(55))
        .reconnect(Reconnect::after(Duration::from_secs(1)))
        .build()?;
    while let Some(event) = client.next_event().await {
        match event {
            ClientEvent::Connected { .. } => println!("tcp {event}"),
            ClientEvent::Open(response) => print!("{}", response.reveal()),
            ClientEvent::Message(message) if message == "bye" => client.start_close(CloseCode::NORMAL),
            ClientEvent::Message(message) => println!("recv: {:?}", message.as_text()),
            ClientEvent::Error(error) => println!("error: {error}"),
            ClientEvent::Reconnecting { after, .. } => println!("connection lost, try again in {after:?}"),
            ClientEvent::GaveUp { reason } => println!("over: {reason}"),
            _ => {}
        }
    }
    println!("{} connections", client.stats().connections);
    assert!(client.stats().connections > 0);
    Ok(())
}

/// Answers one message. The first connection ends without a word, the second one with "bye".
async fn serve(number: u32, mut ws: WebSocket) -> Outcome {
    while let Some(message) = ws.recv().await? {
        ws.send(message).await?;
        if number == 1 {
            break;
        }
        ws.send("bye").await?;
    }
    Ok(())
}
