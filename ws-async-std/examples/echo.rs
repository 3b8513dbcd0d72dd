//! A client that says what happens: `cargo run -p ws-async-std --example echo [URL]`.
//!
//! Without a URL it starts an echo server of its own on a free port, and talks to that. The server of a URL is reached through
//! the proxy that `HTTPS_PROXY`, `HTTP_PROXY` or `ALL_PROXY` names, if one does.
//!
//! It runs on smol. On async-std, `async_std::task` has the same `block_on`, and a `spawn` that needs no `detach`.

use std::error::Error;
use std::process::ExitCode;

use smol::future::or;
use ws_async_std::{AcceptError, CloseCode, ConnectOptions, Event, Listener, Message, WebSocket};

fn main() -> ExitCode {
    let result = smol::block_on(async {
        match std::env::args().nth(1) {
            Some(url) => talk_through_proxy(&url).await,
            None => talk_to_ourselves().await,
        }
    });
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn talk_to_ourselves() -> Result<(), Box<dyn Error>> {
    let listener = Listener::bind("127.0.0.1:0").await?;
    let url = format!("ws://{}/", listener.local_addr()?);
    println!("an echo server listens on {url}");
    or(serve(&listener), talk(ConnectOptions::new(&url))).await
}

/// Sends back what comes, to any number of clients.
async fn serve(listener: &Listener) -> Result<(), Box<dyn Error>> {
    loop {
        let (incoming, _address) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(AcceptError::Shutdown) => return Ok(()),
            Err(error) => return Err(error.into()),
        };
        let echo = async move {
            let (mut ws, _request) = incoming.accept().await.ok()?;
            while let Some(message) = ws.recv().await.ok()? {
                ws.send(message).await.ok()?;
            }
            Some(())
        };
        smol::spawn(echo).detach();
    }
}

async fn talk_through_proxy(url: &str) -> Result<(), Box<dyn Error>> {
    talk(ConnectOptions::new(url).proxy_from_environment()).await
}

async fn talk(options: ConnectOptions) -> Result<(), Box<dyn Error>> {
    let options = options.build()?;
    println!("connecting to {}", options.target());
    let (mut ws, response) = WebSocket::connect(options).await?;
    println!("connected: the server answered {} {}", response.status(), response.reason());

    for message in
        [Message::from("hello"), Message::from("größer als ASCII: 你好"), Message::from(vec![1, 2, 3])]
    {
        println!("sent      {}", describe(&message));
        ws.send(message).await?;
        match ws.recv().await? {
            Some(message) => println!("received  {}", describe(&message)),
            None => return Err("the server closed the connection early".into()),
        }
    }

    ws.ping("are you there?").await?;
    println!("sent      a ping");
    while let Some(event) = ws.next_event().await? {
        if let Event::Pong { round_trip: Some(time), .. } = event {
            println!("received  its pong after {time:.1?}");
            break;
        }
    }

    println!("closing with code 1000");
    println!("{}", ws.close(CloseCode::NORMAL).await);
    Ok(())
}

fn describe(message: &Message) -> String {
    match message {
        Message::Text(text) => format!("text   {text:?}"),
        Message::Binary(bytes) => format!("binary {:?}", &bytes[..]),
    }
}
