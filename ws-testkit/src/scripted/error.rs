//! Failures of a script, in plain words.

use std::error::Error;
use std::time::Duration;
use std::{fmt, io};

use super::Arrival;

/// The step of a script that failed.
///
/// `Display` tells the expected and the actual arrival in one line. `Debug` is the same line, because a test prints its error by
/// `Debug`. Connections are numbered from 1 in the order in which a script took them.
#[non_exhaustive]
pub enum ScriptError {
    /// Something else was received.
    Unexpected {
        /// Number of the connection.
        connection: usize,
        /// The expected arrival, in words.
        expected: String,
        /// The actual one.
        received: Arrival,
    },
    /// Nothing was received within the time limit.
    TimedOut {
        /// Number of the connection; `None` if the server waited for one.
        connection: Option<usize>,
        /// The expected arrival, in words.
        expected: String,
        /// The time limit.
        limit: Duration,
    },
    /// The client broke the protocol.
    Malformed {
        /// Number of the connection.
        connection: usize,
        /// The fault.
        fault: &'static str,
    },
    /// Sending or receiving failed.
    Io {
        /// Number of the connection.
        connection: usize,
        /// The step, in words.
        step: &'static str,
        /// The error of the system.
        source: io::Error,
    },
    /// The server was dropped, or its script.
    Stopped,
}

impl fmt::Display for ScriptError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unexpected { connection, expected, received } => {
                write!(f, "connection {connection}: expected {expected}, received {received}")
            }
            Self::TimedOut { connection: Some(connection), expected, limit } => {
                write!(f, "connection {connection}: expected {expected}, received nothing for {limit:?}")
            }
            Self::TimedOut { connection: None, expected, limit } => {
                write!(f, "expected {expected}, and none came for {limit:?}")
            }
            Self::Malformed { connection, fault } => {
                write!(f, "connection {connection}: the client broke the protocol: {fault}")
            }
            Self::Io { connection, step, .. } => write!(f, "connection {connection}: {step} failed"),
            Self::Stopped => f.write_str("the scripted server was stopped before its script ended"),
        }
    }
}

impl fmt::Debug for ScriptError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")?;
        self.source().map_or(Ok(()), |source| write!(f, ": {source}"))
    }
}

impl Error for ScriptError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Io { source, .. } => Some(source),
            _ => None,
        }
    }
}
