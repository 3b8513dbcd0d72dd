//! Orders that no lost connection loses: the client resends each message until a later pong proves that the server has read it.
//! `cargo run -p ws-examples --example orders`. Its server drops the first connection after three orders.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ws_examples::{Outcome, listen};
use ws_tokio::{AcceptOptions, Client, ClientEvent, CloseCode, Delivery, Reconnect, WebSocket};

/// The number of arrivals of each order.
type Book = Arc<Mutex<BTreeMap<String, u32>>>;

#[tokio::main]
async fn main() -> Outcome {
    let book = Book::default();
    let of_server = book.clone();
    let address =
        listen(AcceptOptions::default(), move |number, ws| serve(number, ws, of_server.clone())).await?;
    let mut client = Client::builder(format!("ws://{address}/"))
        .delivery(Delivery::Confirmed)
        .reconnect(Reconnect::after(Duration::from_millis(200)))
        .build()?;

    let handle = client.handle();
    let ordering = tokio::spawn(async move {
        for id in 1..=10 {
            handle.send(format!("order {id}: buy 100")).await?;
        }
        // The program knows now that no order is lost. An order may have arrived twice; its number tells the server.
        handle.confirm().await?;
        handle.close(CloseCode::NORMAL).await;
        Outcome::Ok(())
    });
    while let Some(event) = client.next_event().await {
        match event {
            ClientEvent::Reconnecting { after, cause, .. } => println!("again in {after:?}: {cause}"),
            ClientEvent::Undelivered(message) => println!("given up: {message}"),
            _ => {}
        }
    }
    ordering.await??;

    let book = book.lock().unwrap_or_else(PoisonError::into_inner);
    println!("{} orders in {} arrivals, all confirmed", book.len(), book.values().sum::<u32>());
    assert_eq!(book.len(), 10);
    assert_eq!(client.stats().connections, 2);
    Ok(())
}

async fn serve(number: u32, mut ws: WebSocket, book: Book) -> Outcome {
    let mut arrivals = 0;
    while let Some(order) = ws.recv().await? {
        *book.lock().unwrap_or_else(PoisonError::into_inner).entry(order.try_into()?).or_default() += 1;
        arrivals += 1;
        if number == 1 && arrivals == 3 {
            break;
        }
    }
    Ok(())
}
