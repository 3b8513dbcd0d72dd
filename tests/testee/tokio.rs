//! The tokio adapter.

use std::pin::pin;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::runtime;
use ws_tokio::{
    AcceptError, AcceptOptions, Client, ClientEvent, CloseCode, ConnectError, ConnectOptions, Event,
    Listener, WebSocket,
};

use crate::args::Stay;
use crate::report::Report;

pub(crate) fn connect(options: ConnectOptions, report: &mut Report) {
    match runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime.block_on(echo_until_closed(options, report)),
        Err(error) => report.not_connected(&ConnectError::Local(error)),
    }
}

pub(crate) fn stay(stay: &Stay, report: &mut Report) {
    let client = stay.build::<Client>();
    match (client, runtime::Builder::new_current_thread().enable_all().build()) {
        (Ok(client), Ok(runtime)) => runtime.block_on(echo_until_over(client, stay, report)),
        (Err(error), _) => report.not_connected(&error),
        (_, Err(error)) => report.not_connected(&ConnectError::Local(error)),
    }
}

async fn echo_until_over(mut client: Client, stay: &Stay, report: &mut Report) {
    for text in &stay.send {
        // What finds no room is not sent: the events say that the outbox is full.
        let _ = client.try_send(text.clone());
    }
    let deadline = stay.stop_after.map(|after| tokio::time::Instant::now() + after);
    let mut stop = pin!(async {
        match deadline {
            Some(deadline) => tokio::time::sleep_until(deadline).await,
            None => std::future::pending().await,
        }
    });
    let mut is_stopping = false;
    loop {
        let event = tokio::select! {
            event = client.next() => event,
            () = &mut stop, if !is_stopping => {
                is_stopping = true;
                client.start_close(CloseCode::NORMAL);
                continue;
            }
        };
        let Some(event) = event else { return report.over() };
        report.client_event(&event);
        if let ClientEvent::Message(message) = event {
            let _ = client.send(message).await;
        }
    }
}

async fn echo_until_closed(options: ConnectOptions, report: &mut Report) {
    let mut ws = match WebSocket::connect(options).await {
        Ok((ws, response)) => {
            report.open(&response);
            ws
        }
        Err(error) => return report.not_connected(&error),
    };
    loop {
        match ws.next().await {
            Ok(Some(event)) => {
                report.event(&event);
                if let Event::Message(message) = event {
                    // A connection that is closing says so by its next events.
                    let _ = ws.send(message).await;
                }
            }
            Ok(None) => return,
            Err(error) => report.error(&error),
        }
    }
}

pub(crate) fn serve(port: u16, options: AcceptOptions) -> std::io::Result<()> {
    runtime::Builder::new_multi_thread().enable_all().build()?.block_on(async {
        let listener = Listener::from_listener(TcpListener::bind(("127.0.0.1", port)).await?, options);
        println!("listening on {}", listener.local_addr()?);
        loop {
            match listener.accept().await {
                Ok((incoming, _)) => {
                    tokio::spawn(async move {
                        let (mut ws, _) = incoming.accept().await.ok()?;
                        while let Some(message) = ws.recv().await.ok()? {
                            ws.send(message).await.ok()?;
                        }
                        Some(())
                    });
                }
                Err(AcceptError::Io(_)) => tokio::time::sleep(Duration::from_millis(50)).await,
                Err(error) => return Err(std::io::Error::other(error)),
            }
        }
    })
}
