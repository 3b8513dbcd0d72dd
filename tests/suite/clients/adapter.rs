//! What the client of every runtime can do, in blocking style.

use std::time::Duration;

use ws_common::session::{
    Attempt, ClientBuilder, ClientEvent, ClientStats, ClientStatus, ConfirmError, Session,
};
use ws_common::{CheckedOptions, ConnectOptions, ConnectorError, PrepareError, WebSocketError};
use ws_core::{CloseFrame, Message, SendError};

use super::supplied::Supplied;

/// The client of one runtime, which a builder makes. An asynchronous one blocks on every operation.
pub trait ClientAdapter: From<Session> + Sized + Send + 'static {
    type Handle: ClientHandle;

    /// The next event: `None` if none came in time, `Some(None)` if the client is over.
    fn next(&mut self, patience: Duration) -> Option<Option<ClientEvent>>;
    /// The next event of the client as a stream or, with threads, as an iterator.
    fn next_of_stream(&mut self) -> Option<ClientEvent>;
    fn send(&self, message: impl Into<Message>) -> Result<(), SendError>;
    fn try_send(&self, message: impl Into<Message>) -> Result<(), SendError>;
    fn send_now(&self, message: impl Into<Message>) -> Result<(), SendError>;
    fn release(&self) -> bool;
    fn send_with_ttl(&self, message: impl Into<Message>, ttl: Duration) -> Result<(), SendError>;
    fn try_send_with_ttl(&self, message: impl Into<Message>, ttl: Duration) -> Result<(), SendError>;
    fn clear(&self) -> usize;
    fn reconnect_now(&self);
    fn check_now(&self, timeout: Duration);
    fn flush(&self) -> Result<(), SendError>;
    fn confirm(&self) -> Result<(), ConfirmError>;
    fn close(&self, frame: impl Into<CloseFrame>);
    fn start_close(&self, frame: impl Into<CloseFrame>);
    fn abort(&self);
    fn reconnect_after(&self, delay: Duration);
    fn cancel_reconnect(&self);
    fn pause(&self);
    fn resume(&self);
    fn take_unsent(&self) -> Vec<Message>;
    fn skip_stuck(&self) -> bool;
    fn status(&self) -> ClientStatus;
    fn stats(&self) -> ClientStats;
    fn compress(&self, wanted: bool);
    fn release_compressor(&self);
    fn handle(&self) -> Self::Handle;
    /// Runs it in the background.
    fn spawn(self) -> (Self::Handle, Self);
    fn spawn_with(self, on_event: impl FnMut(&Self::Handle, ClientEvent) + Send + 'static) -> Self::Handle;

    /// Prepares each attempt by this hook, after it has waited as long as the first hook says. It awaits that time, where it can.
    fn prepare_after(
        builder: ClientBuilder<Self>,
        pause: impl Fn(&Attempt) -> Duration + Send + Sync + 'static,
        hook: impl Fn(Attempt, ConnectOptions) -> Result<ConnectOptions, PrepareError>
        + Clone
        + Send
        + Sync
        + 'static,
    ) -> ClientBuilder<Self>;

    /// Takes the transport of each attempt from this connector, after it has waited as the function before says. It awaits that time,
    /// where it can.
    fn connector_after(
        builder: ClientBuilder<Self>,
        pause: impl Fn() -> Duration + Send + Sync + 'static,
        connect: impl Fn(CheckedOptions) -> Result<Supplied, ConnectorError> + Clone + Send + Sync + 'static,
    ) -> ClientBuilder<Self>;

    /// How many tasks there are on the runtime.
    fn tasks() -> usize;
}

pub trait ClientHandle: Clone + Send + Sync + 'static {
    /// Sends them into the handle as a sink, which is closed then. With threads, which have no sinks, it sends and flushes.
    fn send_all(&mut self, messages: impl IntoIterator<Item = Message>) -> Result<(), WebSocketError>;
    fn send(&self, message: impl Into<Message>) -> Result<(), SendError>;
    fn try_send(&self, message: impl Into<Message>) -> Result<(), SendError>;
    fn send_now(&self, message: impl Into<Message>) -> Result<(), SendError>;
    fn release(&self) -> bool;
    fn send_with_ttl(&self, message: impl Into<Message>, ttl: Duration) -> Result<(), SendError>;
    fn try_send_with_ttl(&self, message: impl Into<Message>, ttl: Duration) -> Result<(), SendError>;
    fn clear(&self) -> usize;
    fn reconnect_now(&self);
    fn check_now(&self, timeout: Duration);
    fn flush(&self) -> Result<(), SendError>;
    fn confirm(&self) -> Result<(), ConfirmError>;
    fn close(&self, frame: impl Into<CloseFrame>);
    fn start_close(&self, frame: impl Into<CloseFrame>);
    fn abort(&self);
    fn skip_stuck(&self) -> bool;
    fn status(&self) -> ClientStatus;
}
