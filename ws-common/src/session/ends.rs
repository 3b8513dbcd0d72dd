//! The end of an attempt or a connection, and the hook that is asked about it.

use std::any::Any;
use std::sync::Arc;
use std::time::Duration;

use ws_core::{Closed, Error, Initiator, Instant, Timeout};

use super::event::{ClientError, ClientEvent};
use super::open::OpeningPhase;
use super::outbox::{Lost, LostBy, OutboxPolicy};
use super::question::{Answer, Ended, Question, Said};
use super::{Session, SessionState, Wish};
use crate::reconnect::{Cause, GiveUp, RetryDecision};

/// RFC 6455 §7.1.5: there was no Close frame.
pub(super) const ABNORMAL: u16 = 1006;

/// An end about which the hook of the policy is asked. Nothing of it is reported yet.
pub(super) struct UndecidedEnd {
    question: u64,
    /// Invariant: the question has the only other reference, and drops it before the answer is there.
    ended: Arc<Ended>,
    /// What is to be reported about messages, behind the end.
    messages: Vec<ClientEvent>,
    at: Instant,
}

/// The hook's part in a decision.
#[derive(Clone, Copy)]
enum HookAnswer {
    Decided(Option<RetryDecision>),
    Panicked,
}

/// The next attempt: so long after this time, because of this end.
struct NextAttempt {
    from: Instant,
    after: Duration,
    cause: Cause,
}

/// For drivers: hooks.
impl Session {
    /// Goes on with the answer to a question, however late. An answer that is out of date is ignored: the user has called
    /// [`close`](Self::close), [`abort`](Self::abort), [`reconnect_after`](Self::reconnect_after) or the like meanwhile.
    ///
    /// Gives back the payload of a panic, if the hook panicked. The driver resumes it
    /// ([`resume_unwind`](std::panic::resume_unwind)) when it holds no lock any more. A hook that panicked ends the attempt
    /// or the connection that it was asked about: one [`ClientEvent::Error`], one [`ClientEvent::Closed`], and no attempt
    /// follows unless the user has called `reconnect_after`.
    #[must_use = "the payload of a panic is to be resumed"]
    pub fn answer(&mut self, answer: Answer, now: Instant) -> Option<Box<dyn Any + Send>> {
        self.now = now;
        let is_current = match &self.state {
            SessionState::Preparing { question, .. } | SessionState::Redirecting { question, .. } => {
                *question == answer.id
            }
            SessionState::Deciding(ending) => ending.question == answer.id,
            SessionState::Open(open) => {
                matches!(open.opening, OpeningPhase::Asking { question, .. } if question == answer.id)
            }
            _ => false,
        };
        match answer.said {
            Ok(Said::Prepared(prepared)) if is_current => self.prepared(prepared.map(|options| *options)),
            Ok(Said::Redirected(decided)) if is_current => self.redirect_decided(decided),
            Ok(Said::Decided(decision)) if is_current => {
                self.conclude(HookAnswer::Decided(decision));
            }
            Ok(Said::Opened(messages)) if is_current => self.opened_with(messages),
            Ok(_) => {}
            Err(panic) => {
                if is_current {
                    self.hook_panicked();
                }
                return Some(panic);
            }
        }
        None
    }

    /// Has the hook asked. Gives the number of the question.
    pub(super) fn ask(&mut self, question: impl FnOnce(u64) -> Question) -> u64 {
        self.questions += 1;
        self.question = Some(question(self.questions));
        self.questions
    }

    pub(super) fn hook_panicked(&mut self) {
        if let SessionState::Deciding(_) = self.state {
            self.conclude(HookAnswer::Panicked);
        } else if let SessionState::Open(_) = self.state {
            self.on_open_panicked();
        } else {
            let hook = match self.state {
                SessionState::Redirecting { .. } => "on_redirect",
                SessionState::Connecting(_) => "connector",
                _ => "prepare",
            };
            let error = ClientError::HookPanicked { hook, end: None };
            let cause = Cause::of_error(&error);
            let next = self.wanted(cause, self.now).unwrap_or(Err(GiveUp::HookPanicked(hook)));
            self.ended(Some(error), Closed::abrupt(ABNORMAL, Initiator::Local), Vec::new(), next);
        }
    }
}

impl Session {
    /// The attempt or the connection has ended, whoever decides how to go on.
    pub(super) fn end(&mut self, mut ended: Ended) {
        let lost_by = if let Some(Wish::Stop(_)) = self.wish { LostBy::User } else { ended.lost_by() };
        let messages = reports(self.outbox.lost(lost_by), &ended);
        if let Ended::Closed { closed, .. } = &mut ended {
            if self.settings.when_lost == OutboxPolicy::Drop && !matches!(self.wish, Some(Wish::Stop(_))) {
                self.stats.messages_dropped += self.outbox.clear() as u64;
            }
            closed.unsent = self.outbox.len();
        }
        let hook = self.settings.reconnect.hook().filter(|_| self.wish.is_none()).cloned();
        let Some(hook) = hook else {
            return self.go_on(ended, messages, self.now, HookAnswer::Decided(None));
        };
        let ended = Arc::new(ended);
        let question = self.ask(|id| Question::decide(id, hook, ended.clone()));
        self.state =
            SessionState::Deciding(Box::new(UndecidedEnd { question, ended, messages, at: self.now }));
    }

    /// The user decides in place of the hook, at once unless the hook runs at this moment.
    pub(super) fn overrule(&mut self, wish: Wish) {
        self.wish = Some(wish);
        self.question = None;
        self.outbox.touch();
        self.conclude(HookAnswer::Decided(None));
    }

    /// Goes on where the hook was overruled while it ran, and its answer is not there. Says whether it could.
    pub(super) fn conclude_overruled(&mut self) -> bool {
        self.wish.is_some() && self.conclude(HookAnswer::Decided(None))
    }

    /// Goes on after an end that the hook was asked about. Says whether that is possible: not while the hook has the end.
    fn conclude(&mut self, verdict: HookAnswer) -> bool {
        let SessionState::Deciding(ending) = std::mem::replace(&mut self.state, SessionState::Over) else {
            return false;
        };
        let UndecidedEnd { question, ended, messages, at } = *ending;
        match Arc::try_unwrap(ended) {
            Ok(ended) => {
                self.go_on(ended, messages, at, verdict);
                true
            }
            Err(ended) => {
                self.state = SessionState::Deciding(Box::new(UndecidedEnd { question, ended, messages, at }));
                false
            }
        }
    }

    /// Reports the end, which was at this time, and goes on as the user, the hook or the policy wants.
    fn go_on(&mut self, ended: Ended, messages: Vec<ClientEvent>, at: Instant, verdict: HookAnswer) {
        let cause = ended.cause();
        let next = match (self.wanted(cause.clone(), at), verdict) {
            (Some(next), _) => next,
            (None, HookAnswer::Panicked) => Err(GiveUp::HookPanicked("decide")),
            (None, HookAnswer::Decided(decision)) => {
                let (policy, random) = (&self.settings.reconnect, &mut self.random);
                let random = || random.next_u64();
                policy
                    .next_after(decision, &mut self.attempts, &ended.end(), random, at)
                    .map(|after| NextAttempt { from: at, after, cause })
            }
        };
        let (error, closed) = match ended {
            Ended::Failed(error) => {
                let closed = Closed::abrupt(ABNORMAL, error.side());
                (Some(ClientError::Connect(error)), closed)
            }
            Ended::Closed { closed, error } => (error, closed),
        };
        let error = match verdict {
            HookAnswer::Decided(_) => error,
            HookAnswer::Panicked => {
                Some(ClientError::HookPanicked { hook: "decide", end: error.map(Box::new) })
            }
        };
        self.ended(error, closed, messages, next);
    }

    /// The last events of the attempt or the connection; then the next attempt, so long after this time, if one follows.
    fn ended(
        &mut self,
        error: Option<ClientError>,
        mut closed: Closed,
        messages: Vec<ClientEvent>,
        next: Result<NextAttempt, GiveUp>,
    ) {
        if let Some(error) = error {
            self.events.push(ClientEvent::Error(error));
        }
        closed.unsent = self.outbox.len();
        self.events.push(ClientEvent::Closed(closed));
        self.events.push_losses(messages);
        self.check_drained();
        match next {
            Ok(NextAttempt { from, after, cause }) => self.wait(from, after, cause),
            Err(reason) => self.over(reason),
        }
    }

    /// The wish of the user after an end, which was at this time, if there is one: the next attempt, or the reason why none follows.
    fn wanted(&mut self, cause: Cause, ended: Instant) -> Option<Result<NextAttempt, GiveUp>> {
        Some(match self.wish.take()? {
            Wish::Again { after, called } => {
                self.attempts.again(after);
                Ok(NextAttempt { from: called.max(ended), after, cause })
            }
            Wish::Stop(reason) => Err(reason),
        })
    }
}

/// What is to be reported about messages that this end concerns.
fn reports(lost: Lost, ended: &Ended) -> Vec<ClientEvent> {
    let stuck = lost.stuck.map(|(message, failures)| ClientEvent::Stuck {
        message,
        failures,
        last_end: ended.cause(),
    });
    lost.given_up.into_iter().map(ClientEvent::Undelivered).chain(stuck).collect()
}

impl Ended {
    /// The same for messages that are not proven.
    fn lost_by(&self) -> LostBy {
        match self {
            Self::Closed { closed, error: None } if closed.initiator == Initiator::Local => LostBy::User,
            Self::Closed { closed, error: Some(ClientError::Connection(error)) }
                if closed.initiator == Initiator::Local && may_follow_our_close(error) =>
            {
                LostBy::User
            }
            // RFC 6455 §7.4.1: data that cannot be accepted, text that is none, a policy, a size.
            Self::Closed {
                closed: Closed { code: 1003 | 1007..=1009, initiator: Initiator::Remote, .. },
                ..
            } => LostBy::Refusal,
            _ => LostBy::UnprovenEnd,
        }
    }
}

/// Whether a connection that the user has closed may fail so: the peer did not answer in time, or ended the stream in place of an answer.
fn may_follow_our_close(error: &Error) -> bool {
    match error {
        Error::Timeout(Timeout::Close(_)) | Error::UnexpectedEof => true,
        // Our TLS ends connections of its own accord.
        Error::Transport(broken) => broken.initiator() == Initiator::Remote,
        _ => false,
    }
}
