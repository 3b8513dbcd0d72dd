//! What a user can ask of, and say to, permessage-deflate.

use ws_core::NegotiatedDeflate;

use crate::client::{Client, Handle};
use crate::operations::Access;
use crate::runtime::{Io, Runtime};
use crate::split::Sender;
use crate::websocket::WebSocket;

/// Compression. What is offered and accepted is set by [`Config::deflate`](crate::Config::deflate).
impl<R: Runtime + Io<T>, T> WebSocket<R, T> {
    /// What the two ends have agreed on about compression; `None` if they do not compress.
    pub fn deflate(&self) -> Option<NegotiatedDeflate> {
        self.socket.driver.machine.as_connection().deflate()
    }

    /// Whether messages are compressed that are sent, or begun, from now on.
    pub fn compress(&mut self, wanted: bool) {
        self.socket.connection().compress(wanted);
    }

    /// Gives back the memory for compressing.
    pub fn release_compressor(&mut self) {
        self.socket.connection().release_compressor();
    }
}

/// Compression, as of the whole connection.
impl<R: Runtime + Io<T>, T> Sender<R, T> {
    /// As [`WebSocket::compress`].
    pub fn compress(&mut self, wanted: bool) {
        self.0.run_or_defer(move |socket, _| socket.connection().compress(wanted));
    }

    /// As [`WebSocket::release_compressor`].
    pub fn release_compressor(&mut self) {
        self.0.run_or_defer(|socket, _| socket.connection().release_compressor());
    }
}

/// Compression. What is offered is set by [`Config::deflate`](crate::Config::deflate).
impl<R: Runtime> Client<R> {
    /// As [`Handle::compress`].
    pub fn compress(&self, wanted: bool) {
        self.access.change(move |session, _| session.compress(wanted));
    }

    /// As [`Handle::release_compressor`].
    pub fn release_compressor(&self) {
        self.access.change(|session, _| session.release_compressor());
    }
}

/// Compression, as of the client.
impl<R: Runtime> Handle<R> {
    /// Whether messages are compressed that are queued from now on, by any handle.
    pub fn compress(&self, wanted: bool) {
        self.access.change(move |session, _| session.compress(wanted));
    }

    /// Gives back the memory for compressing, if a connection is open.
    pub fn release_compressor(&self) {
        self.access.change(|session, _| session.release_compressor());
    }
}
