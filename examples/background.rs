//! A client in the background: several tasks send through handles, and nobody has to wait on the client.
//! `cargo run -p ws-examples --example background`. Its server counts the messages.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use ws_examples::{Outcome, listen};
use ws_tokio::{AcceptOptions, Client, ClientEvent, CloseCode, Reconnect};

const SENDERS: usize = 4;
const EACH: usize = 25;

#[tokio::main]
async fn main() -> Outcome {
    let received = Arc::new(AtomicUsize::new(0));
    let counter = received.clone();
    let address = listen(AcceptOptions::default(), move |_number, mut ws| {
        let counter = counter.clone();
        async move {
            while ws.recv().await?.is_some() {
                counter.fetch_add(1, Ordering::Relaxed);
            }
            Ok(())
        }
    })
    .await?;

    let client = Client::builder(format!("ws://{address}/")).reconnect(Reconnect::backoff()).build()?;
    let feed = client.spawn_with(|_feed, event| match event {
        ClientEvent::Open(_) => println!("open"),
        ClientEvent::Error(error) => println!("error: {error}"),
        ClientEvent::GaveUp { reason } => println!("over: {reason}"),
        _ => {}
    });
    let senders: Vec<_> = (0..SENDERS)
        .map(|sender| {
            let feed = feed.clone();
            tokio::spawn(async move {
                for number in 0..EACH {
                    feed.send(format!("reading {number} of sensor {sender}")).await?;
                }
                // `send` waits for room. The client may still be connecting, and `close` does not wait for that.
                feed.flush().await?;
                Ok(()) as Outcome
            })
        })
        .collect();
    for sender in senders {
        sender.await??;
    }
    feed.close(CloseCode::NORMAL).await;
    // The answer to our Close frame does not say how much of it the server's task has counted.
    let all_counted = async {
        while received.load(Ordering::Relaxed) < SENDERS * EACH {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), all_counted).await?;
    println!("the server received {}", received.load(Ordering::Relaxed));
    Ok(())
}
