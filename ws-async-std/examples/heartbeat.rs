//! A client that stays connected, after the example in Workerman's manual:
//! `cargo run -p ws-async-std --example heartbeat [URL] [--ping-interval SECONDS] [--stop-after SECONDS]`.
//!
//! Without a URL it talks to a server of its own, which drops its clients now and then. The server of a URL is reached through
//! the proxy that `HTTPS_PROXY`, `HTTP_PROXY` or `ALL_PROXY` names, if one does. It runs on smol; see the example `echo`.

use std::error::Error;
use std::process::ExitCode;
use std::time::Duration;

use smol::Timer;
use smol::future::or;
use ws_async_std::{AcceptError, Client, ClientBuilder, ClientEvent, Listener, Reconnect};

struct Arguments {
    url: Option<String>,
    ping_interval: Duration,
    stop_after: Duration,
}

fn main() -> ExitCode {
    let outcome = smol::block_on(async {
        let arguments = arguments()?;
        let client = match &arguments.url {
            Some(url) => Client::builder(url).proxy_from_environment(),
            None => Client::builder(&start_server().await?),
        };
        let time_is_up = async {
            Timer::after(arguments.stop_after).await;
            Ok(())
        };
        or(stay_connected(client, arguments.ping_interval), time_is_up).await
    });
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn stay_connected(
    client: ClientBuilder<Client>,
    ping_interval: Duration,
) -> Result<(), Box<dyn Error>> {
    let mut client = client
        .header("Cookie", "PHPSESSID=abc123; user=xiaoming")
        .header("OtherKey", "values")
        .ping_interval(ping_interval)
        .reconnect(Reconnect::after(Duration::from_secs(1)))
        .build()?;
    while let Some(event) = client.next_event().await {
        match event {
            ClientEvent::Connected { .. } => println!("tcp connected"),
            ClientEvent::Open(response) => {
                print!("{response}");
                client.send("hello").await?;
            }
            ClientEvent::Message(message) => {
                println!("recv: {}", String::from_utf8_lossy(message.as_bytes()));
            }
            ClientEvent::Error(error) => println!("error: {error}"),
            ClientEvent::Closed(_) => println!("connection closed and try to reconnect"),
            _ => {}
        }
    }
    Ok(())
}

/// A server that answers three messages, one every half second, and then goes without a word.
async fn start_server() -> std::io::Result<String> {
    let listener = Listener::bind("127.0.0.1:0").await?;
    let url = format!("ws://{}/", listener.local_addr()?);
    let serve = async move {
        loop {
            let (incoming, _address) = match listener.accept().await {
                Ok(accepted) => accepted,
                Err(AcceptError::Shutdown) => break,
                Err(error) => return eprintln!("server: {error}"),
            };
            let answer = async move {
                let (mut ws, _) = incoming.accept().await.ok()?;
                let message = ws.recv().await.ok()??;
                for _ in 0..3 {
                    ws.send(message.clone()).await.ok()?;
                    Timer::after(Duration::from_millis(500)).await;
                }
                Some(())
            };
            smol::spawn(answer).detach();
        }
    };
    smol::spawn(serve).detach();
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
