//! What a user can ask of, and say to, permessage-deflate.

use ws_core::NegotiatedDeflate;

use crate::client::{Client, Handle};
use crate::split::Sender;
use crate::transport::Transport;
use crate::websocket::WebSocket;

/// Compression. What is offered and accepted is set by [`Config::deflate`](crate::Config::deflate).
impl<S: Transport> WebSocket<S> {
    /// What the two ends have agreed on about compression; `None` if they do not compress.
    pub fn deflate(&self) -> Option<NegotiatedDeflate> {
        self.shared.with(|connection| connection.deflate())
    }

    /// Whether messages are compressed that are sent, or begun, from now on. Default: yes, where it was negotiated; where it was
    /// not, this does nothing. Compressed messages and others may follow each other in any order.
    ///
    /// For what is compressed already, and for secrets next to what an attacker can choose: the length would tell whether they
    /// are alike.
    pub fn compress(&mut self, wanted: bool) {
        self.shared.with(|connection| connection.compress(wanted));
    }

    /// Gives back the memory for compressing, of which [`Deflate`](crate::deflate::Deflate) says how much it is, for a connection that
    /// sends nothing for a while. Legal at any time: the next compressed message refers to none before it, and is larger for that.
    pub fn release_compressor(&mut self) {
        self.shared.with(|connection| connection.release_compressor());
    }
}

/// Compression, as of the whole connection: what one clone says holds for all.
impl<S: Transport> Sender<S> {
    /// As [`WebSocket::compress`].
    pub fn compress(&mut self, wanted: bool) {
        self.0.with(|connection| connection.compress(wanted));
    }

    /// As [`WebSocket::release_compressor`].
    pub fn release_compressor(&mut self) {
        self.0.with(|connection| connection.release_compressor());
    }
}

/// Compression. What is offered is set by [`Config::deflate`](crate::Config::deflate).
impl Client {
    /// As [`Handle::compress`].
    pub fn compress(&self, wanted: bool) {
        self.shared.change(|session, _| session.compress(wanted));
    }

    /// As [`Handle::release_compressor`].
    pub fn release_compressor(&self) {
        self.shared.change(|session, _| session.release_compressor());
    }
}

/// Compression, as of the client.
impl Handle {
    /// Whether messages are compressed that are queued from now on, by any handle, on whichever connection they go out. Default: yes,
    /// where it was negotiated. Compressed messages and others may follow each other in any order.
    ///
    /// For what is compressed already, and for secrets next to what an attacker can choose: the length would tell whether they
    /// are alike.
    pub fn compress(&self, wanted: bool) {
        self.shared.change(|session, _| session.compress(wanted));
    }

    /// Gives back the memory for compressing, of which [`Deflate`](crate::deflate::Deflate) says how much it is, if a connection is open
    /// that sends nothing for a while. Legal at any time: the next compressed message refers to none before it.
    pub fn release_compressor(&self) {
        self.shared.change(|session, _| session.release_compressor());
    }
}
