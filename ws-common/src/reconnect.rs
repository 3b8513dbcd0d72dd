//! Whether and when to reconnect after a connection, or an attempt at one, has ended.

mod attempts;
mod backoff;
mod cause;
mod disconnect_reason;
mod retry_after;

pub use attempts::Attempts;
pub use backoff::Backoff;
pub use cause::{Cause, GiveUp};
pub use disconnect_reason::DisconnectReason;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use ws_core::Instant;

use attempts::Latest;
use backoff::between;

/// Longest time that is taken from `Retry-After`, unless it is set.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(60 * 60);

/// The policy of a client that stays connected. It decides; it waits for nothing and counts nothing ([`Attempts`] does).
///
/// A client that the user ends, by `close`, `abort` or `cancel_reconnect`, is over, and the policy is not asked.
///
/// Three kinds of ends are told apart:
///
/// - A **transient** end ([`DisconnectReason::is_transient`]) passes by itself, such as a reset or a 503. [`backoff`](Self::backoff) retries it.
/// - A **non-transient** end, such as a 404, a wrong handshake, a violation or a close code 1008. Before the first connection was
///   open, it is a mistake, and `backoff` gives up. After that, it is taken for a passing problem (a deployment, a captive portal, a
///   wrong clock), and retried: as a transient end is, if the latest connection was stable
///   ([`stable_after`](Self::stable_after)), and else slowly, after a time that is uniform between half the cap and the cap.
///   [`only_transient`](Self::only_transient) gives up in any case.
/// - A **final** end ([`DisconnectReason::is_final`]) is one that no attempt with the same settings can mend, such as a URL that cannot be used, a
///   407, by which a proxy asks for other credentials, or a peer that cannot be used with confirmed delivery
///   ([`ClientError::Unconfirmable`](crate::session::ClientError::Unconfirmable)). [`after`](Self::after) gives up, too.
///
/// A hook ([`decide`](Self::decide)) overrides all this. A client that gives up says so, with the reason
/// ([`ClientEvent::GaveUp`](crate::session::ClientEvent::GaveUp)).
///
/// ```
/// use std::time::Duration;
/// use ws_common::reconnect::{Backoff, RetryDecision, DisconnectReason, Reconnect};
///
/// // Reconnects one second and a half after whatever happened.
/// let fixed = Reconnect::after(Duration::from_millis(1500));
///
/// // Reconnects more and more rarely, for a day, and gives up after a code 4000 of the server.
/// let patient = Reconnect::from(Backoff::default().cap(Duration::from_secs(300)))
///     .max_elapsed(Duration::from_secs(24 * 60 * 60))
///     .decide(|end| match end {
///         DisconnectReason::Closed { closed, .. } if closed.code == 4000 => Some(RetryDecision::Stop),
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
    hook: Option<DecideHook>,
}

/// The ends that are retried without a hook.
#[derive(Clone, Copy, Debug)]
enum Scope {
    None,
    /// [`DisconnectReason::is_transient`].
    Transient,
    /// These, and all but final ones once a connection was open.
    Passing,
    /// All but final ones: [`DisconnectReason::is_final`].
    All,
}

#[derive(Clone, Debug)]
enum Schedule {
    Fixed(Duration),
    Backoff(Backoff),
}

/// The decision of a hook of [`Reconnect::decide`].
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum RetryDecision {
    /// Try again, after the delay of the policy. One that never reconnects has that of [`Backoff::default`].
    Retry,
    /// Try again after exactly this time, also against `Retry-After`.
    RetryIn(Duration),
    /// Do not try again.
    Stop,
}

impl Reconnect {
    /// Does not reconnect, unless a hook wants it.
    pub fn never() -> Self {
        Self::new(Scope::None, Schedule::Backoff(Backoff::default()))
    }

    /// Reconnects `delay` after everything but final ends ([`DisconnectReason::is_final`]), as Workerman's client does: also after code 1000, and before the first
    /// connection was open. Fractions of a second count. A delay of zero is a busy loop while the server refuses.
    pub fn after(delay: Duration) -> Self {
        Self::new(Scope::All, Schedule::Fixed(delay))
    }

    /// Reconnects after transient ends and, once a connection was open, after all but final ones. Delays grow
    /// ([`Backoff::default`]; others by `Reconnect::from(Backoff)`). The default of a client.
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

    /// Gives up after every end that is not transient ([`DisconnectReason::is_transient`]), also when a connection was open before. A policy that
    /// [never](Self::never) reconnects stays as it is.
    #[must_use]
    pub fn only_transient(mut self) -> Self {
        self.scope = match self.scope {
            Scope::None => Scope::None,
            Scope::Transient | Scope::Passing | Scope::All => Scope::Transient,
        };
        self
    }

    /// Greatest number of attempts to reconnect, until a connection was stable. Default: no limit.
    #[must_use]
    pub fn max_attempts(mut self, attempts: u32) -> Self {
        self.max_attempts = Some(attempts);
        self
    }

    /// No attempt to reconnect begins later than this after the first attempt to connect or, once a connection was stable,
    /// after its end. Default: no limit.
    #[must_use]
    pub fn max_elapsed(mut self, elapsed: Duration) -> Self {
        self.max_elapsed = Some(elapsed);
        self
    }

    /// A connection that stayed open so long, and at least as long as the last delay, was stable: after it, attempts are
    /// counted anew. The time ends with the Close frame of the peer, if there is one. Default: 10 s.
    #[must_use]
    pub fn stable_after(mut self, open: Duration) -> Self {
        self.stable_after = open;
        self
    }

    /// Longest delay that a server can ask for (`Retry-After`, RFC 9110 §10.2.3); a longer one counts as this. Zero ignores the
    /// field. Default: one hour.
    ///
    /// To the delay that the server asks for, a random time is added, so that its clients do not all return at once: uniform between
    /// zero and the longest delay that the policy has for this attempt, and at most as long as the server asks for. The delay of the
    /// policy stands if it is longer than both.
    #[must_use]
    pub fn max_retry_after(mut self, delay: Duration) -> Self {
        self.max_retry_after = delay;
        self
    }

    /// Asks `hook` after each end, before the policy. `None` leaves it to the policy. The limits hold for the decision of the
    /// hook, too.
    ///
    /// The hook is asked when the connection has ended. So a client with a hook may still come back when the peer's Close frame arrives:
    /// its outbox waits for the next connection, and is not sent to the peer that closes. It is, if the policy has no hook and surely
    /// ends the client.
    ///
    /// A client holds no lock while the hook runs. From within, every method of the client and of its handles may be called
    /// that does not wait; `close`, `abort`, `reconnect_after` and `cancel_reconnect` overrule the hook. A hook that panics
    /// ends the client ([`ClientError::HookPanicked`](crate::session::ClientError::HookPanicked)), and the panic goes on to the caller
    /// that waits on the client.
    #[must_use]
    pub fn decide(
        mut self,
        hook: impl Fn(&DisconnectReason<'_>) -> Option<RetryDecision> + Send + Sync + 'static,
    ) -> Self {
        self.hook = Some(DecideHook(Arc::new(hook)));
        self
    }
}

/// The calls of the client that runs the policy.
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
        end: &DisconnectReason<'_>,
        random: impl FnOnce() -> u64,
        now: Instant,
    ) -> Result<Duration, GiveUp> {
        let decision = self.hook.as_ref().and_then(|hook| hook.ask(end));
        self.next_after(decision, attempts, end, random, now)
    }

    /// The hook, for a caller that runs it apart from the policy ([`next_after`](Self::next_after)).
    pub(crate) fn hook(&self) -> Option<&DecideHook> {
        self.hook.as_ref()
    }

    /// The same as [`next`](Self::next) where the hook has said this.
    pub(crate) fn next_after(
        &self,
        decision: Option<RetryDecision>,
        attempts: &mut Attempts,
        end: &DisconnectReason<'_>,
        random: impl FnOnce() -> u64,
        now: Instant,
    ) -> Result<Duration, GiveUp> {
        // Before everything else, because a series of attempts counts from here, if none has begun before.
        attempts.begin_series(now);
        let delay = match decision {
            Some(RetryDecision::Stop) => return Err(GiveUp::Stopped(Cause::from(end))),
            None if !self.retries(was_open(attempts, end), end) => {
                return Err(GiveUp::NotRetried(Cause::from(end)));
            }
            Some(RetryDecision::RetryIn(delay)) => delay,
            Some(RetryDecision::Retry) | None => self.delay(attempts, end, random()),
        };
        if let Some(limit) = self.limit(attempts, delay, now) {
            return Err(limit);
        }
        attempts.again(delay);
        Ok(delay)
    }

    /// Whether it is known before the hook is asked that no attempt follows this end of a connection that has been open for so long.
    /// `false` means "perhaps": a hook decides later, and a random delay may reach a limit.
    pub(crate) fn surely_stops_after(
        &self,
        end: &DisconnectReason<'_>,
        attempts: &Attempts,
        open: Duration,
        now: Instant,
    ) -> bool {
        if self.hook.is_some() {
            return false;
        }
        let mut attempts = attempts.clone();
        attempts.opened_for(open);
        // The end is not earlier than now, and no random number gives a shorter delay.
        let is_limited = || self.limit(&attempts, self.delay(&attempts, end, 0), now).is_some();
        !self.retries(true, end) || is_limited()
    }

    /// The limit that an attempt after this delay would break.
    fn limit(&self, attempts: &Attempts, delay: Duration, now: Instant) -> Option<GiveUp> {
        if let Some(limit) = self.max_attempts.filter(|&limit| attempts.count() >= limit) {
            return Some(GiveUp::Attempts(limit));
        }
        let elapsed = attempts.elapsed(now).saturating_add(delay);
        self.max_elapsed.filter(|&limit| elapsed > limit).map(GiveUp::Elapsed)
    }

    /// Whether the policy retries this end of a client that was open before, or was not.
    fn retries(&self, was_open: bool, end: &DisconnectReason<'_>) -> bool {
        match self.scope {
            Scope::None => false,
            Scope::Transient => end.is_transient(),
            Scope::Passing => end.is_transient() || (was_open && !end.is_final()),
            Scope::All => !end.is_final(),
        }
    }

    fn delay(&self, attempts: &Attempts, end: &DisconnectReason<'_>, random: u64) -> Duration {
        let (own, most) = match &self.schedule {
            Schedule::Fixed(delay) => (*delay, *delay),
            Schedule::Backoff(backoff) if is_slow(attempts, end) => (backoff.slow(random), backoff.longest()),
            Schedule::Backoff(backoff) => {
                let count = attempts.count();
                (backoff.delay(count, random), backoff.ceiling(count))
            }
        };
        let asked = end.retry_after().unwrap_or_default().min(self.max_retry_after);
        own.max(between(asked, asked.saturating_add(most.min(asked)), random))
    }
}

/// Whether the client was ever open.
fn was_open(attempts: &Attempts, end: &DisconnectReason<'_>) -> bool {
    attempts.latest() != Latest::None || matches!(end, DisconnectReason::Closed { .. })
}

/// Whether there is little hope for the next attempt: the end is not transient, and the latest connection was not stable.
fn is_slow(attempts: &Attempts, end: &DisconnectReason<'_>) -> bool {
    let was_unstable = match attempts.latest() {
        Latest::None => matches!(end, DisconnectReason::Closed { .. }),
        Latest::Unstable => true,
        Latest::Stable => false,
    };
    was_unstable && !end.is_transient()
}

impl From<Backoff> for Reconnect {
    fn from(backoff: Backoff) -> Self {
        Self::new(Scope::Passing, Schedule::Backoff(backoff))
    }
}

type DecideRetry = dyn Fn(&DisconnectReason<'_>) -> Option<RetryDecision> + Send + Sync;

/// A hook of [`Reconnect::decide`].
#[derive(Clone)]
pub(crate) struct DecideHook(Arc<DecideRetry>);

impl DecideHook {
    pub(crate) fn ask(&self, end: &DisconnectReason<'_>) -> Option<RetryDecision> {
        (self.0)(end)
    }
}

impl fmt::Debug for DecideHook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DecideHook(..)")
    }
}
