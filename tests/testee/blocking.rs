//! The adapter for threads.

use std::net::TcpListener;
use std::thread;
use std::time::Instant;

use ws_blocking::{
    AcceptOptions, Client, ClientEvent, CloseCode, ConnectError, ConnectOptions, Event, Handle, Listener,
    WebSocket,
};

use crate::args::Stay;
use crate::load::Load;
use crate::report::{Report, greet};

pub(crate) fn connect(options: ConnectOptions, report: &mut Report) {
    let mut ws = match WebSocket::connect(options) {
        Ok((ws, response)) => {
            report.open(&response, ws.deflate());
            ws
        }
        Err(error) => return report.not_connected(&error),
    };
    loop {
        match ws.next_event() {
            Ok(Some(event)) => {
                report.event(&event);
                if let Event::Message(message) = event {
                    // A connection that is closing says so by its next events.
                    let _ = ws.send(message);
                }
            }
            Ok(None) => return,
            Err(error) => report.error(&error),
        }
    }
}

pub(crate) fn serve(port: u16, options: AcceptOptions) -> std::io::Result<()> {
    let listener = Listener::from_listener(TcpListener::bind(("127.0.0.1", port))?, options);
    println!("listening on {}", listener.local_addr()?);
    loop {
        let (incoming, address) = listener.accept().map_err(std::io::Error::other)?;
        let serving = thread::Builder::new().spawn(move || {
            let (mut ws, _) = incoming.accept_with(greet).ok()?;
            while let Some(message) = ws.recv().ok()? {
                ws.send(message).ok()?;
            }
            Some(())
        });
        if let Err(error) = serving {
            eprintln!("no thread for {address}: {error}");
        }
    }
}

pub(crate) fn stay(stay: &Stay, report: &mut Report) {
    let mut client: Client = match stay.build() {
        Ok(client) => client,
        Err(error) => return report.not_connected(&error),
    };
    if stay.is_in_background {
        client = match client.spawn() {
            Ok((_, client)) => client,
            Err(error) => return report.not_connected(&ConnectError::Local(error)),
        };
    }
    for text in &stay.send {
        // What finds no room is not sent: the events say that the outbox is full.
        let _ = client.try_send(text.clone());
    }
    if let Some(load) = stay.load {
        let handle = client.handle();
        thread::spawn(move || send_all(&handle, load));
    }
    let start = Instant::now();
    let mut stop = stay.stop_after.map(|after| start + after);
    let mut send_every = stay.send_every.clone();
    let mut due = start;
    loop {
        let tick = send_every.as_ref().map(|_| due);
        let event = match [stop, tick].into_iter().flatten().min() {
            None => client.next_event(),
            Some(until) => match client.next_event_timeout(until.saturating_duration_since(Instant::now())) {
                Ok(event) => event,
                Err(_time_is_up) if stop.is_some_and(|stop| stop <= until) => {
                    (stop, send_every) = (None, None);
                    client.start_close(CloseCode::NORMAL);
                    continue;
                }
                Err(_time_is_up) => {
                    if let Some(send_every) = &mut send_every {
                        send_every.send(|text| client.try_send(text));
                        due = Instant::now().max(due + send_every.interval);
                    }
                    continue;
                }
            },
        };
        let Some(event) = event else { return };
        report.client_event(&event);
        if let ClientEvent::Message(message) = event {
            let _ = client.send(message);
        }
    }
}

/// Sends the messages of the load, until the client is over.
fn send_all(client: &Handle, load: Load) {
    for text in load.texts() {
        if client.send(text).is_err() {
            return;
        }
        thread::sleep(load.every);
    }
}
