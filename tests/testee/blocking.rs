//! The adapter for threads.

use std::thread;
use std::time::Duration;

use ws_blocking::{AcceptError, ConnectOptions, Event, Listener, WebSocket};

use crate::report::Report;

pub(crate) fn connect(options: ConnectOptions, report: &mut Report) {
    let mut ws = match WebSocket::connect(options) {
        Ok((ws, response)) => {
            report.open(&response);
            ws
        }
        Err(error) => return report.not_connected(&error),
    };
    loop {
        match ws.next() {
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

pub(crate) fn serve(port: u16) -> std::io::Result<()> {
    let listener = Listener::bind(("127.0.0.1", port))?;
    println!("listening on {}", listener.local_addr()?);
    loop {
        match listener.accept() {
            Ok((incoming, _)) => {
                thread::spawn(move || {
                    let (mut ws, _) = incoming.accept().ok()?;
                    while let Some(message) = ws.recv().ok()? {
                        ws.send(message).ok()?;
                    }
                    Some(())
                });
            }
            Err(AcceptError::Io(_)) => thread::sleep(Duration::from_millis(50)),
            Err(error) => return Err(std::io::Error::other(error)),
        }
    }
}
