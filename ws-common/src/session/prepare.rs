//! The hook that prepares an attempt, which may wait for something.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use super::options::SHORTEST;
use super::question::{Answer, Said};
use super::{ClientBuilder, Session, SessionState};
use crate::error::PrepareError;
use crate::options::ConnectOptions;
use crate::reconnect::Cause;

/// An attempt that is to be prepared.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Attempt {
    /// Number of the attempt since the last stable connection, from 0.
    pub number: u32,
    /// The end that the attempt follows, as [`ClientEvent::Reconnecting`](super::ClientEvent::Reconnecting) reports it. `None` for the
    /// first attempt of the client.
    pub cause: Option<Cause>,
}

/// A client of an asynchronous runtime, whose hook may be a future: see [`ClientBuilder::prepare_async`].
///
/// The adapters implement it. The client of threads does not.
pub trait AsyncClient: From<Session> {}

/// A driver in virtual time may poll futures as well ([`Question::start`](super::Question::start)).
impl AsyncClient for Session {}

type Prepared = Result<ConnectOptions, PrepareError>;
pub(super) type PreparedFuture = Pin<Box<dyn Future<Output = Prepared> + Send>>;

/// Gives the options of an attempt.
#[derive(Clone)]
pub(super) enum Prepare {
    Now(Arc<dyn Fn(Attempt, ConnectOptions) -> Prepared + Send + Sync>),
    Later(Arc<dyn Fn(Attempt, ConnectOptions) -> PreparedFuture + Send + Sync>),
}

impl Prepare {
    /// Calls the hook, which gives its answer, or a future of it.
    pub(super) fn call(self, attempt: Attempt, options: ConnectOptions) -> Result<Said, PreparedFuture> {
        match self {
            Self::Now(hook) => Ok(said(hook(attempt, options))),
            Self::Later(hook) => Err(hook(attempt, options)),
        }
    }
}

/// An error of a setter that the hook has called is an error of the hook.
fn said(prepared: Prepared) -> Said {
    let checked = prepared.and_then(|options| Ok(options.build()?));
    Said::Prepared(checked.map(Box::new))
}

/// A hook that a driver has called.
#[derive(Debug)]
pub enum Asked {
    /// It has returned.
    Answered(Answer),
    /// It has returned a future.
    Pending(PendingAnswer),
}

/// The future of a hook of [`ClientBuilder::prepare_async`]. The driver polls it while it holds no lock, and gives its answer to
/// [`Session::answer`]. A panic of the future is in the answer.
///
/// The driver drops it, also without a lock, as soon as [`Session::awaits`] says `false`.
pub struct PendingAnswer {
    pub(super) id: u64,
    pub(super) future: PreparedFuture,
}

impl PendingAnswer {
    /// The answer for a driver that cannot wait.
    pub(super) fn now_or_never(mut self) -> Answer {
        match Pin::new(&mut self).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(answer) => answer,
            Poll::Pending => {
                let error =
                    PrepareError::final_error("the driver of this client cannot wait for prepare_async");
                Answer { id: self.id, said: Ok(said(Err(error))) }
            }
        }
    }
}

impl Future for PendingAnswer {
    type Output = Answer;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Answer> {
        let id = self.id;
        // A future that has panicked is not polled again.
        match catch_unwind(AssertUnwindSafe(|| self.future.as_mut().poll(cx))) {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(prepared)) => Poll::Ready(Answer { id, said: Ok(said(prepared)) }),
            Err(panic) => Poll::Ready(Answer { id, said: Err(panic) }),
        }
    }
}

impl fmt::Debug for PendingAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PendingAnswer(prepare)")
    }
}

impl Session {
    /// Whether the attempt of this future goes on. It ends by `prepare_timeout`, by [`close`](Self::close), and by
    /// [`abort`](Self::abort).
    pub fn awaits(&self, pending: &PendingAnswer) -> bool {
        matches!(self.state, SessionState::Preparing { question, .. } if question == pending.id)
    }
}

/// Settings.
impl<C: From<Session>> ClientBuilder<C> {
    /// Gives the options of each attempt before it is made, such as a token in a header or another URL. The hook is given the number
    /// of the attempt, the end that it follows, and the options as they were set here.
    ///
    /// ```
    /// use ws_common::PrepareError;
    /// use ws_common::session::{ClientBuilder, Session};
    ///
    /// # fn fetch_token() -> Result<String, std::io::Error> { Ok("t".into()) }
    /// # fn build() -> Result<Session, Box<dyn std::error::Error>> {
    /// let client = ClientBuilder::new("wss://broker.example/orders")
    ///     .prepare(|attempt, options| {
    ///         let token = fetch_token()?;
    ///         let options = options.header("Attempt", attempt.number.to_string());
    ///         Ok(options.header("Authorization", format!("Bearer {token}")))
    ///     })
    ///     .build()?;
    /// # Ok(client)
    /// # }
    /// ```
    ///
    /// - An error ends the attempt with [`ConnectError::Prepare`](crate::ConnectError::Prepare). The client reconnects by its policy,
    ///   unless the error is final ([`PrepareError`]). A value that a setter of [`ConnectOptions`] cannot use is a final error.
    /// - With threads, the hook may block: it runs in the thread that waits for the client. On an asynchronous runtime, it must not:
    ///   use [`prepare_async`](Self::prepare_async).
    /// - The client holds no lock while the hook runs. From within, every method of the client and of its handles may be called that
    ///   does not wait; `close` and `abort` overrule the hook.
    /// - A hook that panics ends the client ([`ClientError::HookPanicked`](super::ClientError::HookPanicked)). The panic goes on to the
    ///   caller that waits on the client.
    /// - The time of the hook counts toward [`prepare_timeout`](Self::prepare_timeout), not toward `open_timeout`. Options that come
    ///   later are not used.
    #[must_use]
    pub fn prepare(
        self,
        hook: impl Fn(Attempt, ConnectOptions) -> Result<ConnectOptions, PrepareError> + Send + Sync + 'static,
    ) -> Self {
        self.set(|settings| settings.prepare = Some(Prepare::Now(Arc::new(hook))))
    }

    /// As [`prepare`](Self::prepare), with a hook that may await something. The last call of either wins.
    ///
    /// ```
    /// use ws_common::session::{ClientBuilder, Session};
    ///
    /// # async fn fetch_token() -> Result<String, std::io::Error> { Ok("t".into()) }
    /// # fn build() -> Result<Session, Box<dyn std::error::Error>> {
    /// let client = ClientBuilder::new("wss://broker.example/orders")
    ///     .prepare_async(async |_attempt, options| {
    ///         let token = fetch_token().await?;
    ///         Ok(options.header("Authorization", format!("Bearer {token}")))
    ///     })
    ///     .build()?;
    /// # Ok(client)
    /// # }
    /// ```
    ///
    /// A hook that uses a captured value clones it for each future:
    /// `move |attempt, options| { let tokens = tokens.clone(); async move { … } }`.
    ///
    /// The future is polled while a task waits for the client, and no lock is held. It is dropped when the client is dropped, and when
    /// `prepare_timeout`, `close` or `abort` ends the attempt. `reconnect_after` and `cancel_reconnect` let it go on.
    #[must_use]
    pub fn prepare_async<F>(self, hook: impl Fn(Attempt, ConnectOptions) -> F + Send + Sync + 'static) -> Self
    where
        C: AsyncClient,
        F: Future<Output = Result<ConnectOptions, PrepareError>> + Send + 'static,
    {
        let hook = move |attempt, options| Box::pin(hook(attempt, options)) as PreparedFuture;
        self.set(|settings| settings.prepare = Some(Prepare::Later(Arc::new(hook))))
    }

    /// Longest time of [`prepare`](Self::prepare) in an attempt. Default: 30 s. Zero counts as 1 ms. A miss is the transient end
    /// [`ConnectError::PrepareTimeout`](crate::ConnectError::PrepareTimeout).
    #[must_use]
    pub fn prepare_timeout(self, timeout: Duration) -> Self {
        self.set(|settings| settings.prepare_timeout = timeout.max(SHORTEST))
    }
}
