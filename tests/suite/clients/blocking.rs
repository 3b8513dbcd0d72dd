//! The client on threads.

use std::net::SocketAddr;
use std::time::Duration;

use ws_blocking::{Client, Connected, Handle, Transport};
use ws_common::session::{Attempt, ClientBuilder, ClientEvent, ClientStats, ClientStatus, ConfirmError};
use ws_common::{CheckedOptions, ConnectOptions, ConnectorError, PrepareError, WebSocketError};
use ws_core::{CloseFrame, Message, SendError};

use super::supplied::{Stream, Supplied};
use super::{ClientAdapter, ClientHandle};

impl ClientAdapter for Client {
    type Handle = Handle;

    fn next(&mut self, patience: Duration) -> Option<Option<ClientEvent>> {
        self.next_event_timeout(patience).ok()
    }

    fn next_of_stream(&mut self) -> Option<ClientEvent> {
        Iterator::next(self)
    }

    fn send(&self, message: impl Into<Message>) -> Result<(), SendError> {
        self.send(message)
    }

    fn try_send(&self, message: impl Into<Message>) -> Result<(), SendError> {
        self.try_send(message)
    }

    fn send_now(&self, message: impl Into<Message>) -> Result<(), SendError> {
        self.send_now(message)
    }

    fn release(&self) -> bool {
        self.release()
    }

    fn send_with_ttl(&self, message: impl Into<Message>, ttl: Duration) -> Result<(), SendError> {
        self.send_with_ttl(message, ttl)
    }

    fn try_send_with_ttl(&self, message: impl Into<Message>, ttl: Duration) -> Result<(), SendError> {
        self.try_send_with_ttl(message, ttl)
    }

    fn clear(&self) -> usize {
        self.clear()
    }

    fn reconnect_now(&self) {
        self.reconnect_now();
    }

    fn check_now(&self, timeout: Duration) {
        self.check_now(timeout);
    }

    fn flush(&self) -> Result<(), SendError> {
        self.flush()
    }

    fn confirm(&self) -> Result<(), ConfirmError> {
        self.confirm()
    }

    fn close(&self, frame: impl Into<CloseFrame>) {
        self.close(frame);
    }

    fn start_close(&self, frame: impl Into<CloseFrame>) {
        self.start_close(frame);
    }

    fn abort(&self) {
        self.abort();
    }

    fn reconnect_after(&self, delay: Duration) {
        self.reconnect_after(delay);
    }

    fn cancel_reconnect(&self) {
        self.cancel_reconnect();
    }

    fn pause(&self) {
        self.pause();
    }

    fn resume(&self) {
        self.resume();
    }

    fn take_unsent(&self) -> Vec<Message> {
        self.take_unsent()
    }

    fn skip_stuck(&self) -> bool {
        self.skip_stuck()
    }

    fn status(&self) -> ClientStatus {
        self.status()
    }

    fn stats(&self) -> ClientStats {
        self.stats()
    }

    fn compress(&self, wanted: bool) {
        self.compress(wanted);
    }

    fn release_compressor(&self) {
        self.release_compressor();
    }

    fn handle(&self) -> Handle {
        self.handle()
    }

    fn prepare_after(
        builder: ClientBuilder<Self>,
        pause: impl Fn(&Attempt) -> Duration + Send + Sync + 'static,
        hook: impl Fn(Attempt, ConnectOptions) -> Result<ConnectOptions, PrepareError>
        + Clone
        + Send
        + Sync
        + 'static,
    ) -> ClientBuilder<Self> {
        builder.prepare(move |attempt, options| {
            std::thread::sleep(pause(&attempt));
            hook(attempt, options)
        })
    }

    fn connector_after(
        builder: ClientBuilder<Self>,
        pause: impl Fn() -> Duration + Send + Sync + 'static,
        connect: impl Fn(CheckedOptions) -> Result<Supplied, ConnectorError> + Clone + Send + Sync + 'static,
    ) -> ClientBuilder<Self> {
        builder.connector(move |options| {
            std::thread::sleep(pause());
            let supplied = connect(options)?;
            Ok(match supplied.stream {
                Stream::Tcp(stream) => own(stream, supplied.is_secure, supplied.peer),
                #[cfg(unix)]
                Stream::Unix(stream) => own(stream, supplied.is_secure, supplied.peer),
                Stream::Memory(pipe) => own(pipe, supplied.is_secure, supplied.peer),
            })
        })
    }

    fn spawn(self) -> (Handle, Self) {
        self.spawn().unwrap()
    }

    fn spawn_with(self, on_event: impl FnMut(&Handle, ClientEvent) + Send + 'static) -> Handle {
        self.spawn_with(on_event).unwrap()
    }

    fn tasks() -> usize {
        0
    }
}

impl ClientHandle for Handle {
    fn send_all(&mut self, messages: impl IntoIterator<Item = Message>) -> Result<(), WebSocketError> {
        messages.into_iter().try_for_each(|message| self.send(message))?;
        Ok(self.flush()?)
    }

    fn send(&self, message: impl Into<Message>) -> Result<(), SendError> {
        self.send(message)
    }

    fn try_send(&self, message: impl Into<Message>) -> Result<(), SendError> {
        self.try_send(message)
    }

    fn send_now(&self, message: impl Into<Message>) -> Result<(), SendError> {
        self.send_now(message)
    }

    fn release(&self) -> bool {
        self.release()
    }

    fn send_with_ttl(&self, message: impl Into<Message>, ttl: Duration) -> Result<(), SendError> {
        self.send_with_ttl(message, ttl)
    }

    fn try_send_with_ttl(&self, message: impl Into<Message>, ttl: Duration) -> Result<(), SendError> {
        self.try_send_with_ttl(message, ttl)
    }

    fn clear(&self) -> usize {
        self.clear()
    }

    fn reconnect_now(&self) {
        self.reconnect_now();
    }

    fn check_now(&self, timeout: Duration) {
        self.check_now(timeout);
    }

    fn flush(&self) -> Result<(), SendError> {
        self.flush()
    }

    fn confirm(&self) -> Result<(), ConfirmError> {
        self.confirm()
    }

    fn close(&self, frame: impl Into<CloseFrame>) {
        self.close(frame);
    }

    fn start_close(&self, frame: impl Into<CloseFrame>) {
        self.start_close(frame);
    }

    fn abort(&self) {
        self.abort();
    }

    fn skip_stuck(&self) -> bool {
        self.skip_stuck()
    }

    fn status(&self) -> ClientStatus {
        self.status()
    }
}

fn own(stream: impl Transport, is_secure: bool, peer: Option<SocketAddr>) -> Connected {
    let connected = if is_secure { Connected::secure(stream) } else { Connected::new(stream) };
    peer.into_iter().fold(connected, Connected::peer)
}
