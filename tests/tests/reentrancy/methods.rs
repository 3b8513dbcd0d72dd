//! The methods that a callback calls, and their effects.

use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use ws_async_core::{
    CloseCode, MessageKind, SendError,
    error::{ConfirmError, PingError},
};

use crate::memory::{Handle, Listener, Receiver, Sender};

/// The text that is sent from within.
pub(crate) const INSIDE: &str = "inside";

/// A method of a handle. It keeps the handle, or drops it.
pub(crate) struct Method<H> {
    pub(crate) name: &'static str,
    pub(crate) call: fn(H, Manner) -> (Option<H>, Outcome),
    pub(crate) effect: Effect,
}

impl<H> Clone for Method<H> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<H> Copy for Method<H> {}

/// The state of affairs where a method is called.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Manner {
    /// The connection of this handle is the one that calls its transport.
    pub(crate) is_within: bool,
    /// The client was told to end, or the connection ends.
    pub(crate) is_ending: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Outcome {
    Done,
    /// The message was handed back.
    Refused,
}

/// The change that a call brings about, at the latest when the outer call has returned.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Effect {
    Nothing,
    /// The peer receives [`INSIDE`].
    Sends,
    /// The connection or the client ends with the closing handshake.
    Closes,
    /// It ends at once.
    Aborts,
    /// A client hands out no message.
    Pauses,
    /// It connects again.
    Reconnects,
    /// It does not connect again.
    Cancels,
}

/// Polls once, and drops the future.
fn once<F: Future>(future: F) -> Option<F::Output> {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => Some(output),
        Poll::Pending => None,
    }
}

/// What a call that sends may say.
#[track_caller]
fn sent(result: Option<Result<(), SendError>>, manner: Manner) -> Outcome {
    match result {
        Some(Ok(())) => Outcome::Done,
        Some(Err(SendError::Full { message, .. } | SendError::Busy(message))) if manner.is_within => {
            assert_eq!(message.as_text(), Some(INSIDE));
            Outcome::Refused
        }
        Some(Err(SendError::Closed(_))) if manner.is_ending => Outcome::Refused,
        // A future that was dropped early may have sent nothing.
        None if manner.is_within || manner.is_ending => Outcome::Refused,
        result => panic!("{result:?} inside, {manner:?}"),
    }
}

const fn method<H>(
    name: &'static str,
    effect: Effect,
    call: fn(H, Manner) -> (Option<H>, Outcome),
) -> Method<H> {
    Method { name, effect, call }
}

pub(crate) const SENDER: &[Method<Sender>] = &[
    method("try_send", Effect::Sends, |mut sender, manner| {
        let outcome = sent(Some(sender.try_send(INSIDE)), manner);
        (Some(sender), outcome)
    }),
    method("send", Effect::Sends, |mut sender, manner| {
        let outcome = sent(once(sender.send(INSIDE)), manner);
        (Some(sender), outcome)
    }),
    method("feed", Effect::Sends, |mut sender, manner| {
        let outcome = sent(once(sender.feed(INSIDE)), manner);
        (Some(sender), outcome)
    }),
    method("flush", Effect::Nothing, |mut sender, _| {
        let _ = once(sender.flush());
        (Some(sender), Outcome::Done)
    }),
    method("ready", Effect::Nothing, |mut sender, _| {
        let _ = once(sender.ready());
        (Some(sender), Outcome::Done)
    }),
    method("ping", Effect::Nothing, |mut sender, _| {
        let _ = once(sender.ping("inside"));
        (Some(sender), Outcome::Done)
    }),
    method("close", Effect::Closes, |mut sender, manner| {
        let closed = once(sender.close(CloseCode::NORMAL));
        // The future may not have come so far.
        let outcome = if closed.is_none() && manner.is_within { Outcome::Refused } else { Outcome::Done };
        (Some(sender), outcome)
    }),
    method("start_close", Effect::Closes, |mut sender, _| {
        sender.start_close(CloseCode::NORMAL);
        (Some(sender), Outcome::Done)
    }),
    method("send_stream", Effect::Closes, |mut sender, manner| {
        // A writer that is dropped closes the connection.
        let outcome = match sender.send_stream(MessageKind::Text) {
            Ok(mut writer) => once(writer.write("part")).map_or(Outcome::Done, |_| Outcome::Done),
            Err(error) => {
                assert!(manner.is_within || manner.is_ending, "{error}");
                Outcome::Refused
            }
        };
        (Some(sender), outcome)
    }),
    method("stats", Effect::Nothing, |sender, _| {
        let _ = sender.stats();
        (Some(sender), Outcome::Done)
    }),
    method("drop", Effect::Nothing, |_, _| (None, Outcome::Done)),
];

pub(crate) const RECEIVER: &[Method<Receiver>] = &[
    method("closed", Effect::Nothing, |mut receiver, manner| {
        assert!(receiver.closed().is_none() || manner.is_ending);
        (Some(receiver), Outcome::Done)
    }),
    method("stats", Effect::Nothing, |receiver, _| {
        let _ = receiver.stats();
        (Some(receiver), Outcome::Done)
    }),
    method("recv", Effect::Nothing, |mut receiver, manner| {
        let received = once(receiver.recv());
        assert!(received.is_none() || manner.is_ending, "{received:?}");
        (Some(receiver), Outcome::Done)
    }),
    method("next", Effect::Nothing, |mut receiver, manner| {
        let event = once(receiver.next_event());
        assert!(event.is_none() || manner.is_ending, "{event:?}");
        (Some(receiver), Outcome::Done)
    }),
    method("drop", Effect::Nothing, |_, _| (None, Outcome::Done)),
];

pub(crate) const HANDLE: &[Method<Handle>] = &[
    method("send", Effect::Sends, |handle, manner| {
        let outcome = sent(once(handle.send(INSIDE)), manner);
        (Some(handle), outcome)
    }),
    method("try_send", Effect::Sends, |handle, manner| {
        let outcome = sent(Some(handle.try_send(INSIDE)), manner);
        (Some(handle), outcome)
    }),
    method("ping", Effect::Nothing, |handle, _| {
        let sent = once(handle.ping("inside"));
        assert!(matches!(sent, None | Some(Ok(()) | Err(PingError::Closed))), "{sent:?}");
        (Some(handle), Outcome::Done)
    }),
    method("flush", Effect::Nothing, |handle, _| {
        let _ = once(handle.flush());
        (Some(handle), Outcome::Done)
    }),
    method("confirm", Effect::Nothing, |handle, _| {
        let confirmed = once(handle.confirm());
        assert!(matches!(confirmed, None | Some(Err(ConfirmError::NothingSent))), "{confirmed:?}");
        (Some(handle), Outcome::Done)
    }),
    method("close", Effect::Closes, |handle, manner| {
        let closed = once(handle.close(CloseCode::NORMAL));
        // The future may not have come so far.
        let outcome = if closed.is_none() && manner.is_within { Outcome::Refused } else { Outcome::Done };
        (Some(handle), outcome)
    }),
    method("start_close", Effect::Closes, |handle, _| {
        handle.start_close(CloseCode::NORMAL);
        (Some(handle), Outcome::Done)
    }),
    method("abort", Effect::Aborts, |handle, _| {
        handle.abort();
        (Some(handle), Outcome::Done)
    }),
    method("pause", Effect::Pauses, |handle, _| {
        handle.pause();
        (Some(handle), Outcome::Done)
    }),
    method("resume", Effect::Nothing, |handle, _| {
        handle.resume();
        (Some(handle), Outcome::Done)
    }),
    method("reconnect_after", Effect::Reconnects, |handle, _| {
        handle.reconnect_after(Duration::from_millis(1));
        (Some(handle), Outcome::Done)
    }),
    method("cancel_reconnect", Effect::Cancels, |handle, _| {
        handle.cancel_reconnect();
        (Some(handle), Outcome::Done)
    }),
    method("skip_stuck", Effect::Nothing, |handle, _| {
        assert!(!handle.skip_stuck());
        (Some(handle), Outcome::Done)
    }),
    method("take_unsent", Effect::Nothing, |handle, _| {
        assert!(handle.take_unsent().is_empty());
        (Some(handle), Outcome::Done)
    }),
    method("status", Effect::Nothing, |handle, _| {
        let _ = handle.status();
        (Some(handle), Outcome::Done)
    }),
    method("stats", Effect::Nothing, |handle, _| {
        assert!(handle.stats().attempts > 0);
        (Some(handle), Outcome::Done)
    }),
    method("compress", Effect::Nothing, |handle, _| {
        handle.compress(false);
        handle.release_compressor();
        (Some(handle), Outcome::Done)
    }),
    method("clone", Effect::Nothing, |handle, _| {
        drop(handle.clone());
        (Some(handle), Outcome::Done)
    }),
    method("drop", Effect::Nothing, |_, _| (None, Outcome::Done)),
];

pub(crate) const LISTENER: &[Method<Listener>] = &[method("shutdown", Effect::Closes, |listener, _| {
    let _ = once(listener.shutdown(Duration::from_secs(60)));
    (Some(listener), Outcome::Done)
})];

/// One row of the table: a method of every handle of one type.
#[derive(Clone, Copy)]
pub(crate) enum Call {
    Sender(Method<Sender>),
    Receiver(Method<Receiver>),
    Handle(Method<Handle>),
    Listener(Method<Listener>),
    /// The clients are dropped, and their handles live on.
    DropClient,
    /// Futures that wait are dropped, as by a waker that owns their tasks.
    DropWaiting,
    Nothing,
}

impl Call {
    pub(crate) fn all() -> impl Iterator<Item = Self> {
        let senders = SENDER.iter().copied().map(Self::Sender);
        let receivers = RECEIVER.iter().copied().map(Self::Receiver);
        let handles = HANDLE.iter().copied().map(Self::Handle);
        let listeners = LISTENER.iter().copied().map(Self::Listener);
        senders.chain(receivers).chain(handles).chain(listeners).chain([Self::DropClient, Self::DropWaiting])
    }

    pub(crate) fn name(&self) -> String {
        match self {
            Self::Sender(method) => format!("Sender::{}", method.name),
            Self::Receiver(method) => format!("Receiver::{}", method.name),
            Self::Handle(method) => format!("Handle::{}", method.name),
            Self::Listener(method) => format!("Listener::{}", method.name),
            Self::DropClient => "Client::drop".into(),
            Self::DropWaiting => "drop of futures that wait".into(),
            Self::Nothing => "nothing".into(),
        }
    }
}
