//! The error of a program that does several things with connections.

use std::convert::Infallible;
use std::error::Error;
use std::{fmt, io};

#[cfg(feature = "serde")]
use ws_core::JsonError;
use ws_core::{InvalidClose, InvalidHeader, NotText, PingError, SendError, StreamError};

use super::{AcceptError, ClientError, ConnectError};
use crate::proxy::ProxyUrlError;
use crate::reconnect::GiveUp;
use crate::redirect::RedirectRefused;
use crate::session::ConfirmError;
use crate::target::TargetError;
use crate::tls::TlsConfigError;

/// Any error of this library. Each operation has an error type of its own, and `?` turns all of them into this one. It is also
/// the error of a connection as a `Stream` and as a `Sink`, so that one can be forwarded to the other.
///
/// `Display` and `source` show the error inside. `Debug` shows the same text, so that it can be read when `main` returns the
/// error.
#[non_exhaustive]
pub enum WebSocketError {
    /// There is no connection to a server.
    Connect(Box<ConnectError>),
    /// There is no connection to a client.
    Accept(Box<AcceptError>),
    /// The open connection failed.
    Connection(ws_core::Error),
    /// A client that stays connected failed in another way than `Connect` and `Connection`.
    Client(Box<ClientError>),
    /// A client does not reconnect.
    GaveUp(Box<GiveUp>),
    /// A message was not sent.
    Send(SendError),
    /// A fragment of a streamed message was not sent.
    Stream(StreamError),
    /// A ping was not sent.
    Ping(PingError),
    /// Messages are not confirmed.
    Confirm(ConfirmError),
    /// A Close frame cannot say that.
    Close(InvalidClose),
    /// A binary message came where a text was wanted.
    NotText(NotText),
    /// A message is not the JSON that was wanted, or a value cannot be JSON.
    #[cfg(feature = "serde")]
    Json(JsonError),
    /// A call of the system failed, such as that for the address of a listener.
    Io(io::Error),
}

impl WebSocketError {
    /// The error inside, and the name of its variant.
    fn parts(&self) -> (&'static str, &(dyn Error + 'static)) {
        match self {
            Self::Connect(error) => ("Connect", &**error),
            Self::Accept(error) => ("Accept", &**error),
            Self::Connection(error) => ("Connection", error),
            Self::Client(error) => ("Client", &**error),
            Self::GaveUp(reason) => ("GaveUp", &**reason),
            Self::Send(error) => ("Send", error),
            Self::Stream(error) => ("Stream", error),
            Self::Ping(error) => ("Ping", error),
            Self::Confirm(error) => ("Confirm", error),
            Self::Close(error) => ("Close", error),
            Self::NotText(error) => ("NotText", error),
            #[cfg(feature = "serde")]
            Self::Json(error) => ("Json", error),
            Self::Io(error) => ("Io", error),
        }
    }

    /// The error whose text this one shows.
    pub(super) fn shown(&self) -> &(dyn Error + 'static) {
        self.parts().1
    }
}

impl fmt::Display for WebSocketError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self.shown(), f)
    }
}

impl fmt::Debug for WebSocketError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, error) = self.parts();
        f.debug_tuple(name).field(&format_args!("{error}")).finish()
    }
}

impl Error for WebSocketError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.shown().source()
    }
}

/// A failure to connect, or to do so as often as the client may, and a failure of an open connection are the same without a client.
impl From<ClientError> for WebSocketError {
    fn from(error: ClientError) -> Self {
        match error {
            ClientError::Connect(error) => error.into(),
            ClientError::Connection(error) => error.into(),
            error => Self::Client(error.into()),
        }
    }
}

/// Errors, and the variant of each.
macro_rules! from {
    ($($error:ty => $variant:ident;)*) => { $(
        impl From<$error> for WebSocketError {
            fn from(error: $error) -> Self {
                Self::$variant(error.into())
            }
        }
    )* };
}

from! {
    ConnectError => Connect;
    AcceptError => Accept;
    ws_core::Error => Connection;
    GiveUp => GaveUp;
    SendError => Send;
    StreamError => Stream;
    PingError => Ping;
    ConfirmError => Confirm;
    InvalidClose => Close;
    NotText => NotText;
    io::Error => Io;
}

/// Errors of settings, and of steps to a connection.
macro_rules! connect {
    ($($error:ty)*) => { $(
        impl From<$error> for WebSocketError {
            fn from(error: $error) -> Self {
                ConnectError::from(error).into()
            }
        }
    )* };
}

connect! { TargetError InvalidHeader ProxyUrlError TlsConfigError RedirectRefused }

#[cfg(feature = "serde")]
impl From<JsonError> for WebSocketError {
    fn from(error: JsonError) -> Self {
        Self::Json(error)
    }
}

impl From<Infallible> for WebSocketError {
    fn from(never: Infallible) -> Self {
        match never {}
    }
}
