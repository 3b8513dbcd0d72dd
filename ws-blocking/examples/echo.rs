//! A client that says what happens: `cargo run -p ws-blocking --example echo [URL]`.
//!
//! Without a URL it starts an echo server of its own on a free port, and talks to that. The server of a URL is reached through
//! the proxy that `HTTPS_PROXY`, `HTTP_PROXY` or `ALL_PROXY` names, if one does.

use std::error::Error;
use std::process::ExitCode;
use std::thread;

use ws_blocking::{AcceptError, CloseCode, ConnectOptions, Event, Incoming, Listener, Message, WebSocket};

fn main() -> ExitCode {
    let result = match std::env::args().nth(1) {
        Some(url) => talk_through_proxy(&url),
        None => talk_to_ourselves(),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn talk_to_ourselves() -> Result<(), Box<dyn Error>> {
    let listener = Listener::bind("127.0.0.1:0")?;
    let url = format!("ws://{}/", listener.local_addr()?);
    println!("an echo server listens on {url}");
    let options = ConnectOptions::new(&url);
    thread::spawn(move || {
        if let Err(error) = accept_all(&listener) {
            eprintln!("server: {error}");
        }
    });
    talk(options)
}

/// Gives each client a thread.
fn accept_all(listener: &Listener) -> Result<(), AcceptError> {
    loop {
        let (incoming, address) = match listener.accept() {
            Ok(accepted) => accepted,
            Err(AcceptError::Shutdown) => return Ok(()),
            Err(error) => return Err(error),
        };
        // Unlike `thread::spawn`, a builder does not panic when the system refuses a thread.
        if let Err(error) = thread::Builder::new().spawn(|| serve(incoming)) {
            eprintln!("server: no thread for {address}: {error}");
        }
    }
}

/// Sends back what comes, to one client.
fn serve(incoming: Incoming) -> Option<()> {
    let (mut ws, _request) = incoming.accept().ok()?;
    while let Some(message) = ws.recv().ok()? {
        ws.send(message).ok()?;
    }
    Some(())
}

fn talk_through_proxy(url: &str) -> Result<(), Box<dyn Error>> {
    talk(ConnectOptions::new(url).proxy_from_environment())
}

fn talk(options: ConnectOptions) -> Result<(), Box<dyn Error>> {
    let options = options.build()?;
    println!("connecting to {}", options.target());
    let (mut ws, response) = WebSocket::connect(options)?;
    println!("connected: the server answered {} {}", response.status(), response.reason());

    for message in
        [Message::from("hello"), Message::from("größer als ASCII: 你好"), Message::from(vec![1, 2, 3])]
    {
        println!("sent      {}", describe(&message));
        ws.send(message)?;
        match ws.recv()? {
            Some(message) => println!("received  {}", describe(&message)),
            None => return Err("the server closed the connection early".into()),
        }
    }

    ws.ping("are you there?")?;
    println!("sent      a ping");
    while let Some(event) = ws.next_event()? {
        if let Event::Pong { round_trip: Some(time), .. } = event {
            println!("received  its pong after {time:.1?}");
            break;
        }
    }

    println!("closing with code 1000");
    println!("{}", ws.close(CloseCode::NORMAL));
    Ok(())
}

fn describe(message: &Message) -> String {
    match message {
        Message::Text(text) => format!("text   {text:?}"),
        Message::Binary(bytes) => format!("binary {:?}", &bytes[..]),
    }
}
