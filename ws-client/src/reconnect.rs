//! Whether and when to come back after a connection, or an attempt at one, has ended.

mod attempts;
mod backoff;
mod end;
mod retry_after;

pub use attempts::Attempts;
pub use backoff::Backoff;
pub use end::End;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use ws_core::{Closed, Instant, Side};

/// The longest delay that `Retry-After` can bring about, unless it is set.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(60 * 60);

/// The policy of a client that stays connected. It decides; it waits for nothing and counts nothing ([`Attempts`] does).
///
/// What the user ends, by `close`, `abort` or `cancel_reconnect`, is over and not asked about.
///
/// ```
/// use std::time::Duration;
/// use ws_client::{Backoff, Decision, End, Reconnect};
///
/// // Comes back one second and a half after whatever happened.
/// let fixed = Reconnect::after(Duration::from_millis(1500));
///
/// // Comes back more and more rarely while there is hope, for a day, and also after the server's code 4000.
/// let patient = Reconnect::from(Backoff::default().cap(Duration::from_secs(300)))
///     .max_elapsed(Duration::from_secs(24 * 60 * 60))
///     .decide(|end| match end {
///         End::Closed { closed, .. } if closed.code == 4000 => Some(Decision::Retry),
///         _ => None,
///     });
/// # let _ = (fixed, patient);
/// ```
#[derive(Clone, Debug)]
pub struct Reconnect {
    scope: Scope,
    schedule: Schedule,
    max_attempts: Option<u32>,
    max_elapsed: Option<Duration>,
    stable_after: Duration,
    max_retry_after: Duration,
    hook: Option<Hook>,
}

/// After what it comes back by itself.
#[derive(Clone, Copy, Debug)]
enum Scope {
    Nothing,
    /// What may be different next time: [`End::is_retried`].
    Transient,
    Everything,
}

#[derive(Clone, Debug)]
enum Schedule {
    Fixed(Duration),
    Backoff(Backoff),
}

/// What a hook of [`Reconnect::decide`] wants.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Decision {
    /// Try again, after the delay of the policy. One that never comes back has that of [`Backoff::default`].
    Retry,
    /// Try again after exactly this time, whatever `Retry-After` says.
    RetryIn(Duration),
    /// Do not try again.
    Stop,
}

/// Why no attempt follows.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum GiveUp {
    /// The policy, or its hook, does not come back after such an end.
    NotRetried,
    /// So many attempts were made: the limit.
    Attempts(u32),
    /// The next attempt would begin later than this after the first: the limit.
    Elapsed(Duration),
}

impl Reconnect {
    /// Does not come back, unless a hook wants it.
    pub fn never() -> Self {
        Self::new(Scope::Nothing, Schedule::Backoff(Backoff::default()))
    }

    /// Comes back `delay` after everything, as Workerman's client does: also after code 1000, and after what cannot be
    /// different next time. Fractions of a second count. A delay of zero is a busy loop while the server refuses.
    pub fn after(delay: Duration) -> Self {
        Self::new(Scope::Everything, Schedule::Fixed(delay))
    }

    /// Comes back while there is hope ([`End::is_retried`]), after delays that grow ([`Backoff::default`]; others by
    /// `Reconnect::from(Backoff)`). The default of a client.
    pub fn backoff() -> Self {
        Backoff::default().into()
    }

    fn new(scope: Scope, schedule: Schedule) -> Self {
        Self {
            scope,
            schedule,
            max_attempts: None,
            max_elapsed: None,
            stable_after: attempts::STABLE_AFTER,
            max_retry_after: MAX_RETRY_AFTER,
            hook: None,
        }
    }

    /// At most so many attempts to come back, until a connection was stable. Default: no limit.
    #[must_use]
    pub fn max_attempts(mut self, attempts: u32) -> Self {
        self.max_attempts = Some(attempts);
        self
    }

    /// No attempt to come back begins later than this after the first attempt to connect or, once a connection was stable,
    /// after its end. Default: no limit.
    #[must_use]
    pub fn max_elapsed(mut self, elapsed: Duration) -> Self {
        self.max_elapsed = Some(elapsed);
        self
    }

    /// A connection that stayed open so long, and at least as long as the last delay, was stable: after it, attempts are
    /// counted anew. Default: 10 s.
    #[must_use]
    pub fn stable_after(mut self, open: Duration) -> Self {
        self.stable_after = open;
        self
    }

    /// The longest delay that a server can ask for (`Retry-After`, RFC 9110 §10.2.3); it gets the policy's own if that is
    /// longer. Zero: what it asks for is ignored. Default: one hour.
    #[must_use]
    pub fn max_retry_after(mut self, delay: Duration) -> Self {
        self.max_retry_after = delay;
        self
    }

    /// Asks `hook` after each end, before the policy. `None` leaves it to the policy. The limits hold for the decision of the
    /// hook, too.
    ///
    /// A client holds no lock while the hook runs. From within, every method of the client and of its handles may be called
    /// that does not wait; `close`, `abort`, `reconnect_after` and `cancel_reconnect` overrule the hook. A hook that panics
    /// ends the client ([`ClientError::HookPanicked`](crate::ClientError::HookPanicked)), and the panic goes on to the caller
    /// that waits on the client.
    #[must_use]
    pub fn decide(mut self, hook: impl Fn(&End<'_>) -> Option<Decision> + Send + Sync + 'static) -> Self {
        self.hook = Some(Hook(Arc::new(hook)));
        self
    }
}

/// For what runs the policy.
impl Reconnect {
    /// The count that goes with this policy.
    pub fn attempts(&self) -> Attempts {
        Attempts::new(self.stable_after)
    }

    /// After this end, how long to wait before the next attempt, which is then counted; or why there is none.
    ///
    /// `random` gives 64 uniformly random bits, if they are needed.
    pub fn next(
        &self,
        attempts: &mut Attempts,
        end: &End<'_>,
        random: impl FnOnce() -> u64,
        now: Instant,
    ) -> Result<Duration, GiveUp> {
        let decision = self.hook.as_ref().and_then(|hook| hook.ask(end));
        self.next_after(decision, attempts, end, random, now)
    }

    /// The hook, for a caller that runs it apart from the policy ([`next_after`](Self::next_after)).
    pub(crate) fn hook(&self) -> Option<&Hook> {
        self.hook.as_ref()
    }

    /// The same as [`next`](Self::next) where the hook has said this.
    pub(crate) fn next_after(
        &self,
        decision: Option<Decision>,
        attempts: &mut Attempts,
        end: &End<'_>,
        random: impl FnOnce() -> u64,
        now: Instant,
    ) -> Result<Duration, GiveUp> {
        // Before everything else: what comes later counts from here, if nothing came before.
        attempts.begin_series(now);
        let delay = match decision.unwrap_or_else(|| self.decision(end)) {
            Decision::Stop => return Err(GiveUp::NotRetried),
            Decision::Retry => self.delay(attempts.count(), end, random),
            Decision::RetryIn(delay) => delay,
        };
        if let Some(limit) = self.max_attempts.filter(|&limit| attempts.count() >= limit) {
            return Err(GiveUp::Attempts(limit));
        }
        let elapsed = attempts.elapsed(now).saturating_add(delay);
        if let Some(limit) = self.max_elapsed.filter(|&limit| elapsed > limit) {
            return Err(GiveUp::Elapsed(limit));
        }
        attempts.again(delay);
        Ok(delay)
    }

    /// Whether it is known before the end that no attempt follows a Close frame of the peer with this code. `false` means
    /// "perhaps": a hook decides later, and the limits are looked at later.
    pub(crate) fn surely_stops_after(&self, code: u16) -> bool {
        let closed = Closed::abrupt(code, Side::Peer);
        let end = End::Closed { closed: &closed, error: None };
        self.hook.is_none() && self.decision(&end) == Decision::Stop
    }

    fn decision(&self, end: &End<'_>) -> Decision {
        match self.scope {
            Scope::Everything => Decision::Retry,
            Scope::Transient if end.is_retried() => Decision::Retry,
            Scope::Transient | Scope::Nothing => Decision::Stop,
        }
    }

    fn delay(&self, count: u32, end: &End<'_>, random: impl FnOnce() -> u64) -> Duration {
        let own = match &self.schedule {
            Schedule::Fixed(delay) => *delay,
            Schedule::Backoff(backoff) => backoff.delay(count, random()),
        };
        let asked = end.retry_after().unwrap_or_default();
        own.max(asked.min(self.max_retry_after))
    }
}

impl From<Backoff> for Reconnect {
    fn from(backoff: Backoff) -> Self {
        Self::new(Scope::Transient, Schedule::Backoff(backoff))
    }
}

type Decide = dyn Fn(&End<'_>) -> Option<Decision> + Send + Sync;

/// A hook of [`Reconnect::decide`].
#[derive(Clone)]
pub(crate) struct Hook(Arc<Decide>);

impl Hook {
    pub(crate) fn ask(&self, end: &End<'_>) -> Option<Decision> {
        (self.0)(end)
    }
}

impl fmt::Debug for Hook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hook(..)")
    }
}

impl fmt::Display for GiveUp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotRetried => f.write_str("the policy does not reconnect after such an end"),
            Self::Attempts(limit) => write!(f, "the limit of {limit} attempts to reconnect is reached"),
            Self::Elapsed(limit) => write!(f, "reconnecting would take longer than the limit of {limit:?}"),
        }
    }
}

impl std::error::Error for GiveUp {}
