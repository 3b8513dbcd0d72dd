//! The client on tokio: every operation blocks on a runtime with two threads.

use std::sync::LazyLock;
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use ws_client::{ClientEvent, Stats, Status};
use ws_core::{CloseFrame, Message, SendError};
use ws_tokio::{Client, Handle};

use super::{ClientAdapter, ClientHandle};

static RUNTIME: LazyLock<Runtime> =
    LazyLock::new(|| Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap());

impl ClientAdapter for Client {
    type Handle = Handle;

    fn next(&mut self, patience: Duration) -> Option<Option<ClientEvent>> {
        RUNTIME.block_on(async { tokio::time::timeout(patience, self.next()).await.ok() })
    }

    fn send(&self, message: impl Into<Message>) -> Result<(), SendError> {
        RUNTIME.block_on(self.send(message))
    }

    fn try_send(&self, message: impl Into<Message>) -> Result<(), SendError> {
        self.try_send(message)
    }

    fn flush(&self) -> Result<(), SendError> {
        RUNTIME.block_on(self.flush())
    }

    fn confirm(&self) -> Result<(), SendError> {
        RUNTIME.block_on(self.confirm())
    }

    fn close(&self, frame: impl Into<CloseFrame>) {
        RUNTIME.block_on(self.close(frame));
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

    fn status(&self) -> Status {
        self.status()
    }

    fn stats(&self) -> Stats {
        self.stats()
    }

    fn handle(&self) -> Handle {
        self.handle()
    }

    fn tasks() -> usize {
        RUNTIME.metrics().num_alive_tasks()
    }
}

impl ClientHandle for Handle {
    fn send(&self, message: impl Into<Message>) -> Result<(), SendError> {
        RUNTIME.block_on(self.send(message))
    }

    fn try_send(&self, message: impl Into<Message>) -> Result<(), SendError> {
        self.try_send(message)
    }

    fn flush(&self) -> Result<(), SendError> {
        RUNTIME.block_on(self.flush())
    }

    fn confirm(&self) -> Result<(), SendError> {
        RUNTIME.block_on(self.confirm())
    }

    fn close(&self, frame: impl Into<CloseFrame>) {
        RUNTIME.block_on(self.close(frame));
    }

    fn abort(&self) {
        self.abort();
    }

    fn status(&self) -> Status {
        self.status()
    }
}
