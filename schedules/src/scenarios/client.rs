//! A client and its handles, in tasks.

use std::time::Duration;

use shuttle::future::{JoinHandle, spawn, yield_now};
use ws_async_core::{Client, ClientEvent, Handle, Reconnect};
use ws_core::{CloseCode, Message, Role};

use super::{config, give_up, is_over, script};
use crate::flags::{Flag, Flags};
use crate::peer::{LARGE, MARKER, MESSAGE, Peer, Step};
use crate::pipe::{End, pipe};
use crate::runtime::{self, Model};
use crate::table::{Cell, Driver, Event, Operation};

/// Number of messages that make room in the queue of events for all the others.
const ENOUGH: usize = script::MANY_EVENTS - 4;

pub(super) async fn run(cell: Cell) {
    let flags = Flags::default();
    let (mut client, peer) = connect(script::of(cell), &flags).await;
    let handle = client.handle();
    handle.try_send(Message::binary(&LARGE[..])).expect("the outbox is empty");
    let aborting = spawn(abort(cell, client.handle()));
    flags.raise(Flag::Begun);
    let other = if cell.operation == Operation::NextEvent {
        let other = spawn(accompany_client(cell, handle, flags.clone()));
        receive(&mut client, cell).await;
        is_over(&flags);
        drop(client);
        other
    } else {
        let other = spawn(accompany_handle(cell, client, flags.clone()));
        operate(&handle, cell, &flags).await;
        is_over(&flags);
        // What the client waits for may need somebody who waits.
        drop(handle);
        other
    };
    other.await.expect("it ends");
    aborting.await.expect("it ends");
    let messages = peer.await.expect("it ends");
    assert!(messages.first().is_none_or(|first| *first == LARGE), "out of order");
}

/// The first of two messages leaves, which makes room for a third; the second does not.
pub(super) async fn part() {
    let flags = Flags::default();
    let steps = [Step::Await(Flag::Begun), Step::Take(120), Step::Await(Flag::Completed), Step::Answer];
    let (client, peer) = connect(steps.into(), &flags).await;
    let handle = client.handle();
    for _ in 0..2 {
        handle.try_send(Message::binary(&LARGE[..150])).expect("there is room");
    }
    flags.raise(Flag::Begun);
    handle.send(Message::binary(MARKER)).await.expect("the connection is open");
    flags.raise(Flag::Completed);
    handle.flush().await.expect("the connection is open");
    is_over(&flags);
    drop((client, handle));
    peer.await.expect("it ends");
}

/// A client that is open, and its peer, which plays `steps`.
pub(super) async fn connect(steps: Vec<Step>, flags: &Flags) -> (Client<Model>, JoinHandle<Vec<Vec<u8>>>) {
    let peer = serve(steps, flags);
    let mut client: Client<Model> =
        builder().reconnect(Reconnect::never()).build().expect("the URL is right");
    open(&mut client).await;
    (client, peer)
}

pub(super) fn builder() -> ws_async_core::ClientBuilder<Client<Model>> {
    Client::builder("ws://192.0.2.1/").config(config()).max_send_buffer(200)
}

/// Waits until the client is open.
pub(super) async fn open(client: &mut Client<Model>) {
    while !matches!(client.next_event().await, Some(ClientEvent::Open(_))) {}
}

/// The peer of the next connection.
pub(super) fn serve(steps: Vec<Step>, flags: &Flags) -> JoinHandle<Vec<Vec<u8>>> {
    let (near, far) = pipe();
    serve_over(near, far, steps, flags)
}

/// The same over these ends.
pub(super) fn serve_over(near: End, far: End, steps: Vec<Step>, flags: &Flags) -> JoinHandle<Vec<Vec<u8>>> {
    runtime::offer(near);
    let mut peer = Peer::new(far, Role::Server);
    let flags = flags.clone();
    spawn(async move {
        match peer.accept().await {
            true => peer.play(steps, flags).await,
            false => Vec::new(),
        }
    })
}

/// Lets the event come that is no act of the peer.
async fn abort(cell: Cell, handle: Handle<Model>) {
    if cell.event == Event::Abort {
        yield_now().await;
        handle.abort();
    }
}

/// Sends with the operation, and then the marker, which must reach the peer.
async fn operate(handle: &Handle<Model>, cell: Cell, flags: &Flags) {
    let marker = || Message::binary(MARKER);
    let is_done = match cell.operation {
        Operation::Send => handle.send(marker()).await.is_ok(),
        Operation::Flush => handle.flush().await.is_ok(),
        Operation::Confirm => handle.confirm().await.is_ok(),
        _ => {
            handle.close(CloseCode::NORMAL).await;
            flags.raise(Flag::Completed);
            return;
        }
    };
    flags.raise(Flag::Completed);
    if cell.event.ends() {
        return;
    }
    assert!(is_done, "the connection is open");
    if cell.operation == Operation::Flush {
        handle.try_send(marker()).expect("there is room");
    }
    if cell.operation != Operation::Confirm {
        if cell.driver != Driver::Other {
            assert!(handle.flush().await.is_ok(), "the connection is open");
        }
        flags.wait(Flag::Seen).await;
    }
}

/// What the client does while a handle waits.
async fn accompany_handle(cell: Cell, mut client: Client<Model>, flags: Flags) {
    if cell.driver == Driver::Third {
        give_up(client.next_event()).await;
        let another = client.handle();
        give_up(another.flush()).await;
    }
    match (cell.event, cell.driver) {
        (Event::ClientDropped, _) => {
            yield_now().await;
            return;
        }
        (_, Driver::Other) => {
            while client.next_event().await.is_some() {}
            return;
        }
        (Event::ReadAhead, _) => {
            for _ in 0..ENOUGH {
                client.next_event().await.expect("the client is open");
            }
        }
        _ => {}
    }
    flags.wait(Flag::Over).await;
}

/// What a handle does while the client waits for an event.
async fn accompany_client(cell: Cell, handle: Handle<Model>, flags: Flags) {
    match cell.driver {
        Driver::Third => {
            give_up(handle.flush()).await;
        }
        Driver::Other => {
            let flushed = handle.flush().await;
            if cell.event == Event::Room {
                assert!(flushed.is_ok(), "the connection is open");
                handle.try_send(Message::binary(MARKER)).expect("there is room");
            }
        }
        Driver::Own => {}
    }
    flags.wait(Flag::Over).await;
}

async fn receive(client: &mut Client<Model>, cell: Cell) {
    let mut left = if cell.event.ends() { usize::MAX } else { script::messages(cell) };
    let mut has_closed = false;
    while left > 0 {
        match client.next_event().await {
            Some(ClientEvent::Message(message)) => {
                assert_eq!(message.len(), MESSAGE);
                left -= 1;
            }
            Some(ClientEvent::Closed(_)) => has_closed = true,
            Some(_) => {}
            None => break,
        }
    }
    assert_eq!(has_closed, cell.event.ends(), "each end is reported, and nothing else");
}

/// Two handles ask for a proof of their own messages, and the connection is lost before any comes. No second connection makes up
/// for that: neither may be told that its message has arrived.
pub(super) async fn lost() {
    let flags = Flags::default();
    let peer = serve(vec![Step::Until(MARKER), Step::End, Step::Await(Flag::Over)], &flags);
    let next = serve(vec![Step::Answer], &flags);
    let mut client: Client<Model> =
        builder().reconnect(Reconnect::after(Duration::ZERO)).build().expect("the URL is right");
    open(&mut client).await;
    let driver = client.handle();
    let driving = spawn(async move { while client.next_event().await.is_some() {} });
    let asking = |handle: Handle<Model>| {
        spawn(async move {
            handle.send(Message::binary(MARKER)).await.expect("there is room");
            handle.confirm().await.is_ok()
        })
    };
    let (one, other) = (asking(driver.clone()), asking(driver.clone()));
    let confirmed = [one.await.expect("it ends"), other.await.expect("it ends")];
    driver.abort();
    is_over(&flags);
    driving.await.expect("it ends");
    runtime::refuse();
    peer.await.expect("it ends");
    let parsed = next.await.expect("it ends").len();
    // Messages are alike, so that only their number tells.
    let proven = confirmed.into_iter().filter(|is_confirmed| *is_confirmed).count();
    assert!(proven <= parsed, "{proven} were confirmed, {parsed} have arrived");
}
