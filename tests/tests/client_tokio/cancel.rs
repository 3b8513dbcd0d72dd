//! Futures that are dropped whenever they have pended: nothing is lost, doubled or out of order.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use suite::proxy::Fault::{Cut, Delay, ResetAfter, Stall, Trickle};
use suite::proxy::Way::{Down, Up};
use suite::proxy::{Fault, Proxy};
use suite::watch::bounded;
use suite::witness::{Manner, Witness};
use ws_tokio::{Client, ClientEvent, CloseCode, Delivery, Handle, Reconnect};

const COUNT: usize = 40;

/// The wall clock is needed: there are sockets at the other end.
fn run(scenario: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(scenario);
}

/// Polls at most so many times, whenever it is woken, and drops the future at the last of them if it has not ended.
async fn polled<F: Future>(times: usize, future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    let mut left = times;
    poll_fn(|cx| {
        left -= 1;
        match future.as_mut().poll(cx) {
            Poll::Ready(output) => Poll::Ready(Some(output)),
            Poll::Pending if left == 0 => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    })
    .await
}

/// Makes the future anew whenever it was dropped.
async fn again<R>(times: usize, mut make: impl AsyncFnMut() -> R) -> R {
    loop {
        if let Some(output) = polled(times, make()).await {
            return output;
        }
        // Nobody waits for the client now.
        tokio::time::sleep(Duration::from_micros(200)).await;
    }
}

fn texts() -> Vec<String> {
    // Two of them fill the outbox, so that sending has to wait.
    (0..COUNT).map(|number| format!("{number:02} {}", "-".repeat(600))).collect()
}

async fn send_all(handle: Handle, times: usize) {
    for text in texts() {
        // Whoever is dropped before there is room has sent nothing.
        again(times, async || handle.send(text.clone()).await).await.unwrap();
    }
    again(times, async || handle.flush().await).await.unwrap();
}

fn client(proxy: &Proxy, delivery: Delivery, open_timeout: Duration) -> Client {
    Client::builder(proxy.url())
        .reconnect(Reconnect::after(Duration::from_millis(1)))
        .open_timeout(open_timeout)
        .max_send_buffer(1000)
        .max_deliveries(1000)
        .delivery(delivery)
        .build()
        .unwrap()
}

fn begin(text: &str) -> String {
    text.chars().take(16).collect()
}

fn all() -> Vec<String> {
    texts().iter().map(|text| begin(text)).collect()
}

/// One connection.
async fn converse(times: usize, fault: Fault, delivery: Delivery) {
    let witness = Witness::new(Manner { echoes: true, ..Manner::default() });
    let proxy = Proxy::new(witness.address(), [fault]);
    let mut client = client(&proxy, delivery, Duration::from_secs(60));
    let handle = client.handle();
    let receive = async {
        let mut echoes = Vec::new();
        while echoes.len() < COUNT {
            match again(times, async || client.next_event().await).await.unwrap() {
                ClientEvent::Message(message) => echoes.push(begin(message.as_text().unwrap())),
                ClientEvent::Error(error) => panic!("{error}"),
                _ => {}
            }
        }
        echoes
    };
    let (echoes, ()) = tokio::join!(receive, send_all(handle, times));
    assert_eq!(echoes, all(), "{times} polls, {fault:?}, {delivery:?}");
    assert_eq!(witness.texts(), all(), "{times} polls, {fault:?}, {delivery:?}");
    again(times, async || client.confirm().await).await.unwrap();
    // Whoever is dropped has begun to close, and closes on.
    again(times, async || client.close(CloseCode::NORMAL).await).await;
    let mut end = Vec::new();
    while let Some(event) = again(times, async || client.next_event().await).await {
        match event {
            ClientEvent::Closed(closed) => end.push((closed.code, closed.clean)),
            ClientEvent::Error(error) => panic!("{error}"),
            _ => {}
        }
    }
    assert_eq!(end, [(1000, true)]);
}

#[test]
fn every_operation_may_be_dropped() {
    bounded(|| {
        for times in 1..=3 {
            run(async {
                converse(times, Fault::None, Delivery::AtMostOnce).await;
                converse(times, Delay(Duration::from_millis(1)), Delivery::Confirmed).await;
            });
        }
        run(converse(1, Trickle, Delivery::AtMostOnce));
    });
}

#[test]
fn every_operation_may_be_dropped_while_connections_break() {
    bounded(|| {
        for times in 1..=3 {
            run(break_up(times, Delivery::AtMostOnce));
            run(break_up(times, Delivery::Confirmed));
        }
    });
}

async fn break_up(times: usize, delivery: Delivery) {
    let faults = [
        Cut(Up, 100),
        Stall(Down, 50),
        Cut(Down, 129),
        Cut(Up, 2000),
        ResetAfter(Down, 700),
        Cut(Down, 1500),
    ];
    let witness = Witness::new(Manner { echoes: true, ..Manner::default() });
    let proxy = Proxy::new(witness.address(), faults);
    // What stalls ends by it.
    let mut client = client(&proxy, delivery, Duration::from_millis(500));
    let handle = client.handle();
    let mut events = Vec::new();
    {
        let mut sending = pin!(send_all(handle, times));
        let mut is_sent = false;
        // The system may have taken everything before the client sees how its third connection has ended.
        while !is_sent || events.iter().filter(|event| **event == "reconnecting").count() < 3 {
            tokio::select! {
                event = again(times, async || client.next_event().await) => events.push(word(&event.unwrap())),
                () = &mut sending, if !is_sent => is_sent = true,
            }
        }
    }
    in_order(&events);
    let got = witness.texts();
    let mut known = got.clone();
    known.sort();
    known.dedup();
    match delivery {
        Delivery::AtMostOnce => {
            assert_eq!(known.len(), got.len(), "a message came twice: {got:?}");
            assert!(got.is_sorted(), "out of order: {got:?}");
        }
        _ => assert_eq!(known, all(), "{times} polls: a message is lost: {events:?}"),
    }
    for testimony in witness.testimonies() {
        assert!(testimony.texts.is_sorted(), "out of order: {testimony:?}");
    }
}

fn word(event: &ClientEvent) -> &'static str {
    match event {
        ClientEvent::Connected { .. } => "connected",
        ClientEvent::Open(_) => "open",
        ClientEvent::Error(_) => "error",
        ClientEvent::Closed(_) => "closed",
        ClientEvent::Reconnecting { .. } => "reconnecting",
        ClientEvent::Undelivered(_) => panic!("a message was given up"),
        _ => "other",
    }
}

/// Each attempt has its events, each once, in their order.
fn in_order(events: &[&str]) {
    let phases: Vec<_> = events.iter().filter(|event| **event != "other").collect();
    for attempt in phases.split(|event| **event == "reconnecting") {
        let names: Vec<&str> = attempt.iter().map(|event| **event).collect();
        let is_known = matches!(
            names[..],
            ["connected", "open", "error", "closed"]
                | ["connected", "error", "closed"]
                | ["error", "closed"]
                | ["connected", "open"]
                | ["connected"]
                | []
        );
        assert!(is_known, "{names:?} of {events:?}");
    }
}
