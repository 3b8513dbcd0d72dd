//! A client that stays connected, after the example in Workerman's manual:
//! `cargo run -p ws-blocking --example heartbeat [URL] [--ping-interval SECONDS] [--stop-after SECONDS]`.
//!
//! Without a URL it talks to a server of its own, which drops its clients now and then. The server of a URL is reached through
//! the proxy that `HTTPS_PROXY`, `HTTP_PROXY` or `ALL_PROXY` names, if one does.

use std::error::Error;
use std::process::ExitCode;
use std::thread;
use std::time::{Duration, Instant};

use ws_blocking::{AcceptError, Client, ClientBuilder, ClientEvent, Listener, Reconnect};

struct Arguments {
    url: Option<String>,
    ping_interval: Duration,
    stop_after: Duration,
}

fn main() -> ExitCode {
    let outcome = arguments().and_then(|arguments| {
        let client = match &arguments.url {
            Some(url) => Client::builder(url).proxy_from_environment(),
            None => Client::builder(&start_server()?),
        };
        stay_connected(client, &arguments)
    });
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn stay_connected(client: ClientBuilder<Client>, arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    let mut client = client
        .header("Cookie", "PHPSESSID=abc123; user=xiaoming")
        .header("OtherKey", "values")
        .ping_interval(arguments.ping_interval)
        .reconnect(Reconnect::after(Duration::from_secs(1)))
        .build()?;
    let start = Instant::now();
    loop {
        let Ok(next) = client.next_event_timeout(arguments.stop_after.saturating_sub(start.elapsed())) else {
            return Ok(());
        };
        match next {
            None => return Ok(()),
            Some(ClientEvent::Connected { .. }) => println!("tcp connected"),
            Some(ClientEvent::Open(response)) => {
                print!("{response}");
                client.send("hello")?;
            }
            Some(ClientEvent::Message(message)) => {
                println!("recv: {}", String::from_utf8_lossy(message.as_bytes()));
            }
            Some(ClientEvent::Error(error)) => println!("error: {error}"),
            Some(ClientEvent::Closed(_)) => println!("connection closed and try to reconnect"),
            Some(_) => {}
        }
    }
}

/// A server that answers three messages, one every half second, and then goes without a word.
fn start_server() -> std::io::Result<String> {
    let listener = Listener::bind("127.0.0.1:0")?;
    let url = format!("ws://{}/", listener.local_addr()?);
    thread::spawn(move || {
        loop {
            let (incoming, address) = match listener.accept() {
                Ok(accepted) => accepted,
                Err(AcceptError::Shutdown) => break,
                Err(error) => return eprintln!("server: {error}"),
            };
            let answering = thread::Builder::new().spawn(move || {
                let (mut ws, _) = incoming.accept().ok()?;
                let message = ws.recv().ok()??;
                for _ in 0..3 {
                    ws.send(message.clone()).ok()?;
                    thread::sleep(Duration::from_millis(500));
                }
                Some(())
            });
            if let Err(error) = answering {
                eprintln!("server: no thread for {address}: {error}");
            }
        }
    });
    Ok(url)
}

fn arguments() -> Result<Arguments, Box<dyn Error>> {
    let mut arguments =
        Arguments { url: None, ping_interval: Duration::from_secs(55), stop_after: Duration::MAX };
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let mut seconds = || -> Result<Duration, Box<dyn Error>> {
            let value = words.next().ok_or_else(|| format!("{word} wants a number of seconds"))?;
            Ok(Duration::try_from_secs_f64(value.parse().map_err(|_| format!("{value:?} is not a number"))?)?)
        };
        match word.as_str() {
            "--ping-interval" => arguments.ping_interval = seconds()?,
            "--stop-after" => arguments.stop_after = seconds()?,
            option if option.starts_with('-') => return Err(format!("there is no option {option}").into()),
            url => arguments.url = Some(url.into()),
        }
    }
    Ok(arguments)
}
