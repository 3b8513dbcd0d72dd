//! A market feed in JSON: login and subscriptions on every connection, a request that waits for the login, statistics, ctrl-C.
//! `cargo run -p ws-examples --example market_feed`. Its server refuses everything before the login, and drops the first connection.

use std::collections::BTreeMap;
use std::error::Error;
use std::pin::pin;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use ws_examples::{Outcome, listen};
use ws_tokio::{AcceptOptions, Client, ClientEvent, CloseCode, Message, Reconnect, WebSocket};

#[derive(Serialize, Deserialize)]
#[serde(tag = "op", rename_all = "snake_case")]
enum Request {
    Login { key: String },
    Subscribe { symbol: String },
    History { symbol: String },
}

#[derive(Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
enum Update {
    LoggedIn,
    Trade { symbol: String, price: f64, size: u32 },
    History { symbol: String, prices: Vec<f64> },
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let url = format!("ws://{}/", listen(AcceptOptions::default(), serve).await?);
    let subscribe = |symbol: &str| Message::json(&Request::Subscribe { symbol: symbol.into() });
    let opening =
        [Message::json(&Request::Login { key: "secret".into() })?, subscribe("BTC")?, subscribe("ETH")?];
    let mut client = Client::builder(&url)
        .on_open(move |_response| opening.clone())
        .hold(true)
        .reconnect(Reconnect::after(Duration::from_millis(200)))
        .build()?;
    // It waits in the outbox until `release`.
    client.send(Message::json(&Request::History { symbol: "BTC".into() })?).await?;

    let (mut volumes, mut trades, mut history) = (BTreeMap::<String, u32>::new(), 0, None);
    let (mut interrupted, mut stopping) = (pin!(tokio::signal::ctrl_c()), false);
    loop {
        let event = tokio::select! {
            event = client.next_event() => event,
            _ = &mut interrupted, if !stopping => {
                stopping = true;
                client.start_close(CloseCode::NORMAL);
                continue;
            }
        };
        match event {
            Some(ClientEvent::Message(message)) => match message.as_json()? {
                Update::LoggedIn => println!("logged in, outbox released: {}", client.release()),
                Update::History { symbol, prices } => history = Some((symbol, prices)),
                Update::Trade { symbol, price, size } => {
                    println!("{symbol} {price:8.2} x {size}");
                    *volumes.entry(symbol).or_default() += size;
                    trades += 1;
                    if trades == 8 {
                        client.start_close(CloseCode::NORMAL);
                    }
                }
            },
            Some(ClientEvent::Reconnecting { after, cause, .. }) => println!("again in {after:?}: {cause}"),
            Some(_) => {}
            None => break,
        }
    }
    let stats = client.stats();
    println!("{trades} trades, volumes {volumes:?}, history {history:?}");
    println!("{} connections, {} bytes read", stats.connections, stats.bytes_read);
    if !stopping {
        assert_eq!(volumes, BTreeMap::from([("BTC".into(), 6), ("ETH".into(), 6)]));
        assert_eq!(history, Some(("BTC".into(), vec![99.0, 100.0])));
        assert_eq!(stats.connections, 2);
    }
    Ok(())
}

/// Sends two trades of each subscribed symbol. The first connection ends with the answer about history.
async fn serve(number: u32, mut ws: WebSocket) -> Outcome {
    let mut logged_in = false;
    while let Some(message) = ws.recv().await? {
        match message.as_json()? {
            Request::Login { key } if key == "secret" => {
                logged_in = true;
                ws.send(Message::json(&Update::LoggedIn)?).await?;
            }
            _ if !logged_in => {
                ws.close((CloseCode::POLICY, "log in first")).await;
            }
            Request::Login { .. } => {
                ws.close((CloseCode::POLICY, "wrong key")).await;
            }
            Request::History { symbol } => {
                ws.send(Message::json(&Update::History { symbol, prices: vec![99.0, 100.0] })?).await?;
                if number == 1 {
                    break;
                }
            }
            Request::Subscribe { symbol } => {
                for size in [1, 2] {
                    let price = 100.0 + f64::from(size);
                    ws.send(Message::json(&Update::Trade { symbol: symbol.clone(), price, size })?).await?;
                }
            }
        }
    }
    Ok(())
}
