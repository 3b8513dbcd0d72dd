//! A program's own client and its tests: a login, subscriptions on every connection, and a count of the lost connections.
//! `cargo test -p ws-examples --example tests_with_the_kit` runs the tests; `cargo run` shows the client with a scripted server.

use std::error::Error;
use std::time::Duration;

use ws_testkit::{Arrival, ScriptedServer};
use ws_tokio::{Client, ClientBuilder, ClientEvent, CloseCode, Reconnect};

/// The client of the program: the prices of one symbol.
struct Prices {
    client: Client,
    losses: u32,
}

impl Prices {
    /// The settings, which a test can give to a client in virtual time as well.
    fn settings(url: &str, symbol: &str) -> ClientBuilder<Client> {
        let opening = ["login secret".to_owned(), format!("subscribe {symbol}")];
        let reconnect = Reconnect::after(Duration::from_millis(100));
        Client::builder(url).on_open(move |_response| opening.clone()).reconnect(reconnect)
    }

    fn connect(url: &str, symbol: &str) -> Result<Self, Box<dyn Error>> {
        Ok(Self { client: Self::settings(url, symbol).build()?, losses: 0 })
    }

    /// The next price; `None` when the client is over.
    async fn next(&mut self) -> Option<f64> {
        loop {
            match self.client.next_event().await? {
                ClientEvent::Message(message) => {
                    // A message that is no price is not for this program.
                    if let Some(price) = message.as_text().and_then(|text| text.parse().ok()) {
                        return Some(price);
                    }
                }
                ClientEvent::Reconnecting { .. } => self.losses += 1,
                _ => {}
            }
        }
    }

    async fn close(mut self) -> u32 {
        self.client.start_close(CloseCode::NORMAL);
        while self.next().await.is_some() {}
        self.losses
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let server = ScriptedServer::run(|server| {
        let mut peer = server.accept()?;
        peer.expect_text("login secret")?;
        peer.expect_text("subscribe BTC")?;
        peer.send_text("99.5")?;
        peer.send_text("100")?;
        peer.expect_close(1000).map(drop)
    })?;
    let mut prices = Prices::connect(&server.url(), "BTC")?;
    for expected in [99.5, 100.0] {
        let price = prices.next().await.ok_or("the client is over")?;
        println!("BTC {price}");
        assert_eq!(price, expected);
    }
    assert_eq!(prices.close().await, 0);
    let received = server.finish()?;
    assert_eq!(received[..2], [Arrival::text("login secret"), Arrival::text("subscribe BTC")]);
    Ok(())
}

#[cfg(test)]
mod tests {
    use ws_testkit::{AttemptPlan, Fault, FaultRelay, VirtualClient, Way};

    use super::*;

    /// A real server that resets the first connection.
    #[tokio::test]
    async fn each_connection_begins_with_the_login_and_the_subscription() -> Result<(), Box<dyn Error>> {
        let server = ScriptedServer::run(|server| {
            for price in ["1", "2"] {
                let mut peer = server.accept()?;
                peer.expect_text("login secret")?;
                peer.expect_text("subscribe ETH")?;
                peer.send_text("hello")?;
                peer.send_text(price)?;
                match price {
                    "1" => peer.hang_up(),
                    _ => drop(peer.expect_close(1000)?),
                }
            }
            Ok(())
        })?;
        let mut prices = Prices::connect(&server.url(), "ETH")?;
        assert_eq!((prices.next().await, prices.next().await), (Some(1.0), Some(2.0)));
        assert_eq!(prices.close().await, 1);
        server.finish()?;
        Ok(())
    }

    /// A network that loses the connection within a message.
    #[tokio::test]
    async fn half_a_price_is_no_price() -> Result<(), Box<dyn Error>> {
        let server = ScriptedServer::run(|server| {
            for _ in 0..2 {
                let mut peer = server.accept()?;
                peer.expect_text("login secret")?;
                peer.expect_text("subscribe ETH")?;
                // The first connection may be gone already.
                let _ = peer.send_text("1234");
                let _ = peer.read_to_close();
            }
            Ok(())
        })?;
        let handshake = ws_testkit::wire::response_to("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "");
        let cut = handshake.ok_or("a key")?.len() + 4;
        let relay = FaultRelay::start(server.address(), [Fault::Cut(Way::Down, cut)])?;
        let mut prices = Prices::connect(&relay.url(), "ETH")?;
        assert_eq!(prices.next().await, Some(1234.0));
        assert_eq!(prices.close().await, 1);
        assert_eq!(server.texts().len(), 4);
        Ok(())
    }

    /// A server that is down for ten minutes.
    #[test]
    fn the_client_does_not_give_up() -> Result<(), Box<dyn Error>> {
        let mut client = VirtualClient::new(Prices::settings("ws://prices.test/", "ETH"))?;
        client.then(AttemptPlan::refuse(503));
        client.advance(Duration::from_secs(600));
        client.then(AttemptPlan::default());
        client.advance(Duration::from_secs(1));
        assert_eq!(client.texts(), ["login secret", "subscribe ETH"]);
        assert_eq!(client.session.stats().connections, 1);
        Ok(())
    }
}
