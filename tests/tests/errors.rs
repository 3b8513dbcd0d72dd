//! Errors as programs meet them, on each runtime: `?` from connect to close with one type, and a stream that is forwarded to a sink.

#![allow(clippy::unwrap_used, reason = "what panics here is a failed test")]

use std::thread;

use futures_util::StreamExt;
use suite::peer::Server;
use ws_common::WebSocketError;

/// The result of `run` with the URL of a server that serves one client so.
fn against(
    run: &(impl Fn(&str) -> Result<(), WebSocketError> + Sync),
    serve: impl FnOnce(&Server) + Send,
) -> Result<(), WebSocketError> {
    let server = Server::new();
    let url = server.url();
    thread::scope(|scope| {
        scope.spawn(|| serve(&server));
        run(&url)
    })
}

/// A program against a server that echoes, one that refuses, and one that breaks a rule of the protocol.
fn meets_every_kind(run: impl Fn(&str) -> Result<(), WebSocketError> + Sync) {
    against(&run, |server| {
        let mut peer = server.open();
        let echo = peer.receive_text();
        peer.text(&echo);
        peer.answer_close();
    })
    .unwrap();

    let error = against(&run, |server| {
        let mut peer = server.accept();
        peer.read_head();
        peer.send("HTTP/1.1 503 Busy\r\nContent-Length: 5\r\n\r\nlater");
    })
    .unwrap_err();
    assert!(matches!(error, WebSocketError::Connect(_)), "{error}");
    assert!(
        error.to_string().ends_with(" failed: the server answered 503 Busy instead of 101: later"),
        "{error}"
    );
    // `main` prints this text.
    assert_eq!(format!("{error:?}"), format!("Connect({error})"));

    let error = against(&run, |server| {
        let mut peer = server.open();
        peer.receive_text();
        peer.frame(0x8F, "");
    })
    .unwrap_err();
    assert!(matches!(error, WebSocketError::Connection(_)), "{error}");

    let error = run("ws://").unwrap_err();
    assert!(matches!(error, WebSocketError::Connect(_)), "{error}");
}

/// A program, with `.await` or without.
macro_rules! program {
    ($adapter:ident $(, $async:ident, $await:ident)?) => {
        $($async)? fn run(url: &str) -> Result<(), $adapter::WebSocketError> {
            let (mut ws, _response) = $adapter::WebSocket::connect(url)$(.$await)??;
            ws.send("hello")$(.$await)??;
            if let Some(message) = ws.recv()$(.$await)?? {
                assert_eq!(message.into_text()?, "hello");
            }
            ws.ping("there?")$(.$await)??;
            let frame = $adapter::CloseFrame::new($adapter::CloseCode::NORMAL, "bye")?;
            assert!(ws.close(frame)$(.$await)?.clean);
            Ok(())
        }
    };
}

/// An echo: each message of a connection is forwarded into the same connection.
macro_rules! forward {
    ($adapter:ident) => {
        async fn forward() -> Result<(), $adapter::WebSocketError> {
            let listener = $adapter::Listener::bind("127.0.0.1:0").await?;
            let url = format!("ws://{}/", listener.local_addr()?);
            let client = thread::spawn(move || -> Result<(), ws_blocking::WebSocketError> {
                let (mut ws, _response) = ws_blocking::WebSocket::connect(&url)?;
                ws.send("hello")?;
                assert_eq!(ws.recv()?.unwrap(), "hello");
                assert!(ws.close(ws_blocking::CloseCode::NORMAL).clean);
                Ok(())
            });
            let (ws, _request) = listener.accept().await?.0.accept().await?;
            let (write, read) = ws.split();
            read.forward(write).await?;
            client.join().unwrap()
        }
    };
}

mod tokio {
    use super::*;

    program!(ws_tokio, async, await);
    forward!(ws_tokio);

    #[test]
    fn one_type_takes_the_errors_of_every_operation() {
        let runtime = ::tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
        meets_every_kind(|url| runtime.block_on(run(url)));
        runtime.block_on(forward()).unwrap();
    }
}

mod smol {
    use super::*;

    program!(ws_async_std, async, await);
    forward!(ws_async_std);

    #[test]
    fn one_type_takes_the_errors_of_every_operation() {
        meets_every_kind(|url| ::smol::block_on(run(url)));
        ::smol::block_on(forward()).unwrap();
    }

    #[test]
    fn the_same_on_async_std() {
        meets_every_kind(|url| async_std::task::block_on(run(url)));
        async_std::task::block_on(forward()).unwrap();
    }
}

mod threads {
    use super::*;

    program!(ws_blocking);

    #[test]
    fn one_type_takes_the_errors_of_every_operation() {
        meets_every_kind(run);
    }
}
