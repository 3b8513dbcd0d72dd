//! The other end of a connection: it notes what it receives, and says what a test tells it to.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use ws_async_core::{CloseCode, Incoming};

use crate::memory::{Memory, Transport, WebSocket, accept_options};

/// A clone is the same peer.
#[derive(Clone, Default)]
pub(crate) struct Peer(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    /// The present connection.
    tasks: Option<UnboundedSender<Task>>,
    texts: Vec<String>,
    /// Connections that ended with the closing handshake.
    closed: usize,
}

#[derive(Debug)]
enum Task {
    Say(&'static str),
    Ping,
    Close,
    Cut,
}

impl Peer {
    /// Accepts a client.
    pub(crate) fn serve(&self, transport: Transport) {
        let peer = self.clone();
        tokio::spawn(async move {
            let incoming = Incoming::<Memory, _>::new(transport, accept_options());
            if let Ok((socket, _)) = incoming.accept().await {
                peer.hold(socket);
            }
        });
    }

    /// Holds an open connection, in place of the one before.
    pub(crate) fn hold(&self, socket: WebSocket) {
        let (sender, tasks) = unbounded_channel();
        self.0.lock().unwrap().tasks = Some(sender);
        tokio::spawn(converse(self.clone(), socket, tasks));
    }

    pub(crate) fn say(&self, text: &'static str) {
        self.tell(Task::Say(text));
    }

    pub(crate) fn ping(&self) {
        self.tell(Task::Ping);
    }

    pub(crate) fn close(&self) {
        self.tell(Task::Close);
    }

    /// Drops the connection without a word.
    pub(crate) fn cut(&self) {
        self.tell(Task::Cut);
    }

    /// It may be gone already.
    fn tell(&self, task: Task) {
        let state = self.0.lock().unwrap();
        let _ = state.tasks.as_ref().map(|tasks| tasks.send(task));
    }

    pub(crate) fn has_received(&self, text: &str) -> bool {
        self.0.lock().unwrap().texts.iter().any(|known| known == text)
    }

    pub(crate) fn has_closed(&self) -> bool {
        self.0.lock().unwrap().closed > 0
    }

    /// Waits, in virtual time, until it has received this text.
    pub(crate) async fn receives(&self, text: &str) {
        while !self.has_received(text) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
}

async fn converse(peer: Peer, mut socket: WebSocket, mut tasks: UnboundedReceiver<Task>) {
    loop {
        tokio::select! {
            message = socket.recv() => match message {
                Ok(Some(message)) => {
                    let text = String::from(message.as_text().unwrap());
                    peer.0.lock().unwrap().texts.push(text);
                }
                Ok(None) => break peer.0.lock().unwrap().closed += 1,
                Err(_) => break,
            },
            task = tasks.recv() => match task {
                Some(Task::Say(text)) => drop(socket.send(text).await),
                Some(Task::Ping) => drop(socket.ping("ping").await),
                Some(Task::Close) => drop(socket.close(CloseCode::NORMAL).await),
                Some(Task::Cut) | None => break,
            },
        }
    }
}
