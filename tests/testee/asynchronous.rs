//! The adapter of any asynchronous runtime, on an executor.

use std::future::{pending, poll_fn};
use std::io;
use std::marker::PhantomData;
use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::Duration;

use ws_async_core::{
    AcceptOptions, Client, ClientEvent, CloseCode, ConnectError, ConnectOptions, Event, Handle, Incoming,
    Listener, Resolve, Runtime, Spawn, WebSocket,
};

use crate::args::Stay;
use crate::load::Load;
use crate::report::{Report, greet};

/// What runs the futures of a runtime.
pub(crate) trait Executor: 'static {
    type Runtime: Spawn + Runtime<TcpStream: 'static> + Resolve<(&'static str, u16)>;

    fn block_on<F: Future>(future: F) -> io::Result<F::Output>;
    fn spawn(future: impl Future<Output = ()> + Send + 'static);
}

/// What the testee can do on an executor.
pub(crate) struct On<E>(PhantomData<E>);

impl<E: Executor> On<E> {
    pub(crate) fn connect(options: ConnectOptions, report: &mut Report) {
        if let Err(error) = E::block_on(echo_until_closed::<E::Runtime>(options, report)) {
            report.not_connected(&ConnectError::Local(error));
        }
    }

    pub(crate) fn stay(stay: &Stay, report: &mut Report) {
        let done = match stay.build::<Client<E::Runtime>>() {
            Ok(client) => E::block_on(async {
                if let Some(load) = stay.load {
                    E::spawn(send_all(client.handle(), load));
                }
                echo_until_over(client, stay, report).await;
            })
            .map_err(ConnectError::Local),
            Err(error) => Err(error),
        };
        if let Err(error) = done {
            report.not_connected(&error);
        }
    }

    pub(crate) fn serve(port: u16, options: AcceptOptions) -> io::Result<()> {
        E::block_on(serve::<E>(port, options))?
    }
}

async fn echo_until_closed<R: Runtime>(options: ConnectOptions, report: &mut Report) {
    let mut ws = match WebSocket::<R>::connect(options).await {
        Ok((ws, response)) => {
            report.open(&response, ws.deflate());
            ws
        }
        Err(error) => return report.not_connected(&error),
    };
    loop {
        match ws.next_event().await {
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

async fn echo_until_over<R: Spawn>(mut client: Client<R>, stay: &Stay, report: &mut Report) {
    if stay.is_in_background {
        client = client.spawn().1;
    }
    for text in &stay.send {
        // What finds no room is not sent: the events say that the outbox is full.
        let _ = client.try_send(text.clone());
    }
    let mut stop = pin!(async {
        match stay.stop_after {
            Some(after) => sleep::<R>(after).await,
            None => pending().await,
        }
    });
    let mut send_every = stay.send_every.clone();
    let mut due = R::now();
    let mut tick = R::sleep_until(due);
    let mut is_stopping = false;
    loop {
        let turn = {
            let mut next = pin!(client.next_event());
            poll_fn(|cx| match next.as_mut().poll(cx) {
                Poll::Ready(event) => Poll::Ready(Turn::Event(event)),
                Poll::Pending if is_stopping => Poll::Pending,
                Poll::Pending if stop.as_mut().poll(cx).is_ready() => Poll::Ready(Turn::Stop),
                Poll::Pending if send_every.is_none() => Poll::Pending,
                Poll::Pending => Pin::new(&mut tick).poll(cx).map(|_| Turn::Send),
            })
            .await
        };
        match turn {
            Turn::Stop => {
                is_stopping = true;
                client.start_close(CloseCode::NORMAL);
            }
            Turn::Send => {
                if let Some(send_every) = &mut send_every {
                    send_every.send(|text| client.try_send(text));
                    due = R::now().max(due + send_every.interval);
                    R::reset_sleep(&mut tick, due);
                }
            }
            Turn::Event(None) => return,
            Turn::Event(Some(event)) => {
                report.client_event(&event);
                if let ClientEvent::Message(message) = event {
                    let _ = client.send(message).await;
                }
            }
        }
    }
}

/// Something to do.
enum Turn {
    Stop,
    Send,
    Event(Option<ClientEvent>),
}

async fn serve<E: Executor>(port: u16, options: AcceptOptions) -> io::Result<()> {
    let addresses = E::Runtime::resolve(("127.0.0.1", port)).await?;
    let listener = <E::Runtime as Runtime>::listen(&addresses).await?;
    let listener = Listener::<E::Runtime>::from_listener(listener, options);
    println!("listening on {}", listener.local_addr()?);
    loop {
        let (incoming, _) = listener.accept().await.map_err(io::Error::other)?;
        E::spawn(async {
            // A client that leaves is nobody's concern.
            let _ = echo(incoming).await;
        });
    }
}

async fn echo<R: Runtime>(incoming: Incoming<R>) -> Option<()> {
    let (mut ws, _) = incoming.accept_with(greet).await.ok()?;
    while let Some(message) = ws.recv().await.ok()? {
        ws.send(message).await.ok()?;
    }
    Some(())
}

async fn sleep<R: Runtime>(time: Duration) {
    let mut sleep = R::sleep_until(R::now() + time);
    poll_fn(|cx| Pin::new(&mut sleep).poll(cx).map(|_| ())).await;
}

/// Sends the messages of the load, until the client is over.
async fn send_all<R: Runtime>(client: Handle<R>, load: Load) {
    for text in load.texts() {
        if client.send(text).await.is_err() {
            return;
        }
        if !load.every.is_zero() {
            sleep::<R>(load.every).await;
        }
    }
}
