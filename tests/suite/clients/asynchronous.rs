//! The client of any asynchronous runtime, on an executor: every operation blocks.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::Duration;

use ws_async_core::Runtime;
use ws_async_core::futures_core::Stream;
use ws_async_core::futures_sink::Sink;
use ws_common::session::{
    AsyncClient, Attempt, ClientBuilder, ClientEvent, ClientStats, ClientStatus, ConfirmError,
    ConnectorClient, Session, UserConnector,
};
use ws_common::{CheckedOptions, ConnectOptions, ConnectorError, PrepareError, WebSocketError};
use ws_core::{CloseFrame, Message, SendError};

use super::supplied::Supplied;
use super::{ClientAdapter, ClientHandle};
use crate::asynchronous::{Executor, On};

macro_rules! client {
    ($adapter:ident, $own:path) => {
        impl<E: Executor> From<Session> for On<E, $adapter::Client> {
            fn from(session: Session) -> Self {
                Self::new(session.into())
            }
        }

        impl<E: Executor> AsyncClient for On<E, $adapter::Client> {}

        impl<E: Executor, F> ConnectorClient<F> for On<E, $adapter::Client>
        where
            $adapter::Client: ConnectorClient<F>,
        {
            fn user_connector(
                connector: impl Fn(CheckedOptions) -> F + Send + Sync + 'static,
            ) -> UserConnector {
                <$adapter::Client as ConnectorClient<F>>::user_connector(connector)
            }
        }

        impl<E: Executor> ClientAdapter for On<E, $adapter::Client> {
            type Handle = On<E, $adapter::Handle>;

            fn next(&mut self, patience: Duration) -> Option<Option<ClientEvent>> {
                E::block_on(async {
                    let mut sleep = E::Runtime::sleep_until(E::Runtime::now() + patience);
                    let mut next = pin!(self.inner.next_event());
                    let next = poll_fn(|cx| match next.as_mut().poll(cx) {
                        Poll::Ready(event) => Poll::Ready(Some(event)),
                        Poll::Pending => Pin::new(&mut sleep).poll(cx).map(|_| None),
                    });
                    next.await
                })
            }

            fn next_of_stream(&mut self) -> Option<ClientEvent> {
                E::block_on(poll_fn(|cx| Pin::new(&mut self.inner).poll_next(cx)))
            }

            fn send(&self, message: impl Into<Message>) -> Result<(), SendError> {
                E::block_on(self.inner.send(message))
            }

            fn try_send(&self, message: impl Into<Message>) -> Result<(), SendError> {
                self.inner.try_send(message)
            }

            fn send_now(&self, message: impl Into<Message>) -> Result<(), SendError> {
                self.inner.send_now(message)
            }

            fn release(&self) -> bool {
                self.inner.release()
            }

            fn send_with_ttl(&self, message: impl Into<Message>, ttl: Duration) -> Result<(), SendError> {
                E::block_on(self.inner.send_with_ttl(message, ttl))
            }

            fn try_send_with_ttl(&self, message: impl Into<Message>, ttl: Duration) -> Result<(), SendError> {
                self.inner.try_send_with_ttl(message, ttl)
            }

            fn clear(&self) -> usize {
                self.inner.clear()
            }

            fn reconnect_now(&self) {
                self.inner.reconnect_now();
            }

            fn check_now(&self, timeout: Duration) {
                self.inner.check_now(timeout);
            }

            fn flush(&self) -> Result<(), SendError> {
                E::block_on(self.inner.flush())
            }

            fn confirm(&self) -> Result<(), ConfirmError> {
                E::block_on(self.inner.confirm())
            }

            fn close(&self, frame: impl Into<CloseFrame>) {
                E::block_on(self.inner.close(frame));
            }

            fn start_close(&self, frame: impl Into<CloseFrame>) {
                self.inner.start_close(frame);
            }

            fn abort(&self) {
                self.inner.abort();
            }

            fn reconnect_after(&self, delay: Duration) {
                self.inner.reconnect_after(delay);
            }

            fn cancel_reconnect(&self) {
                self.inner.cancel_reconnect();
            }

            fn pause(&self) {
                self.inner.pause();
            }

            fn resume(&self) {
                self.inner.resume();
            }

            fn take_unsent(&self) -> Vec<Message> {
                self.inner.take_unsent()
            }

            fn skip_stuck(&self) -> bool {
                self.inner.skip_stuck()
            }

            fn status(&self) -> ClientStatus {
                self.inner.status()
            }

            fn stats(&self) -> ClientStats {
                self.inner.stats()
            }

            fn compress(&self, wanted: bool) {
                self.inner.compress(wanted);
            }

            fn release_compressor(&self) {
                self.inner.release_compressor();
            }

            fn handle(&self) -> Self::Handle {
                On::new(self.inner.handle())
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
                builder.prepare_async(move |attempt, options| {
                    let (pause, hook) = (pause(&attempt), hook.clone());
                    async move {
                        E::Runtime::sleep_until(E::Runtime::now() + pause).await;
                        hook(attempt, options)
                    }
                })
            }

            fn connector_after(
                builder: ClientBuilder<Self>,
                pause: impl Fn() -> Duration + Send + Sync + 'static,
                connect: impl Fn(CheckedOptions) -> Result<Supplied, ConnectorError>
                + Clone
                + Send
                + Sync
                + 'static,
            ) -> ClientBuilder<Self> {
                builder.connector(move |options| {
                    let (pause, connect) = (pause(), connect.clone());
                    async move {
                        E::Runtime::sleep_until(E::Runtime::now() + pause).await;
                        Ok($own(connect(options)?)?)
                    }
                })
            }

            fn spawn(self) -> (Self::Handle, Self) {
                let (handle, client) = E::block_on(async { self.inner.spawn() });
                (On::new(handle), On::new(client))
            }

            fn spawn_with(
                self,
                mut on_event: impl FnMut(&Self::Handle, ClientEvent) + Send + 'static,
            ) -> Self::Handle {
                let on_event = move |handle: &$adapter::Handle, event| {
                    on_event(&On::new(handle.clone()), event);
                };
                On::new(E::block_on(async { self.inner.spawn_with(on_event) }))
            }

            fn tasks() -> usize {
                E::tasks()
            }
        }

        impl<E: Executor> Clone for On<E, $adapter::Handle> {
            fn clone(&self) -> Self {
                Self::new(self.inner.clone())
            }
        }

        impl<E: Executor> ClientHandle for On<E, $adapter::Handle> {
            fn send_all(
                &mut self,
                messages: impl IntoIterator<Item = Message>,
            ) -> Result<(), WebSocketError> {
                let mut sink = Pin::new(&mut self.inner);
                E::block_on(async {
                    for message in messages {
                        poll_fn(|cx| sink.as_mut().poll_ready(cx)).await?;
                        sink.as_mut().start_send(message)?;
                    }
                    poll_fn(|cx| sink.as_mut().poll_flush(cx)).await?;
                    poll_fn(|cx| sink.as_mut().poll_close(cx)).await
                })
            }

            fn send(&self, message: impl Into<Message>) -> Result<(), SendError> {
                E::block_on(self.inner.send(message))
            }

            fn try_send(&self, message: impl Into<Message>) -> Result<(), SendError> {
                self.inner.try_send(message)
            }

            fn send_now(&self, message: impl Into<Message>) -> Result<(), SendError> {
                self.inner.send_now(message)
            }

            fn release(&self) -> bool {
                self.inner.release()
            }

            fn send_with_ttl(&self, message: impl Into<Message>, ttl: Duration) -> Result<(), SendError> {
                E::block_on(self.inner.send_with_ttl(message, ttl))
            }

            fn try_send_with_ttl(&self, message: impl Into<Message>, ttl: Duration) -> Result<(), SendError> {
                self.inner.try_send_with_ttl(message, ttl)
            }

            fn clear(&self) -> usize {
                self.inner.clear()
            }

            fn reconnect_now(&self) {
                self.inner.reconnect_now();
            }

            fn check_now(&self, timeout: Duration) {
                self.inner.check_now(timeout);
            }

            fn flush(&self) -> Result<(), SendError> {
                E::block_on(self.inner.flush())
            }

            fn confirm(&self) -> Result<(), ConfirmError> {
                E::block_on(self.inner.confirm())
            }

            fn close(&self, frame: impl Into<CloseFrame>) {
                E::block_on(self.inner.close(frame));
            }

            fn start_close(&self, frame: impl Into<CloseFrame>) {
                self.inner.start_close(frame);
            }

            fn abort(&self) {
                self.inner.abort();
            }

            fn skip_stuck(&self) -> bool {
                self.inner.skip_stuck()
            }

            fn status(&self) -> ClientStatus {
                self.inner.status()
            }
        }
    };
}

client!(ws_tokio, crate::tokio::connected);
client!(ws_async_std, crate::async_io::connected);
