//! The end of an attempt or a connection, and the hook that is asked about it.

use std::any::Any;
use std::sync::Arc;
use std::time::Duration;

use ws_core::{Closed, Instant, Message, Side};

use super::event::{ClientError, ClientEvent};
use super::question::{Answer, Ended, Question, Said};
use super::{Session, State, Wish};
use crate::reconnect::Decision;

/// RFC 6455 §7.1.5: there was no Close frame.
pub(super) const ABNORMAL: u16 = 1006;

/// An end about which the hook of the policy is asked. Nothing of it is reported yet.
pub(super) struct Ending {
    question: u64,
    /// Invariant: the question has the only other reference, and drops it before the answer is there.
    ended: Arc<Ended>,
    undelivered: Vec<Message>,
    at: Instant,
}

/// The hook's part in a decision.
#[derive(Clone, Copy)]
enum Verdict {
    Decided(Option<Decision>),
    Panicked,
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
            State::Preparing { question } => *question == answer.id,
            State::Deciding(ending) => ending.question == answer.id,
            _ => false,
        };
        match answer.said {
            Ok(Said::Prepared(options)) if is_current => self.dial_first(*options),
            Ok(Said::Decided(decision)) if is_current => {
                self.conclude(Verdict::Decided(decision));
            }
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

    fn hook_panicked(&mut self) {
        if let State::Deciding(_) = self.state {
            self.conclude(Verdict::Panicked);
        } else {
            let error = ClientError::HookPanicked { hook: "prepare", end: None };
            let next = self.wanted();
            self.ended(Some(error), Closed::abrupt(ABNORMAL, Side::Us), Vec::new(), next);
        }
    }
}

impl Session {
    /// The attempt or the connection has ended, whoever decides how to go on.
    pub(super) fn end(&mut self, ended: Ended) {
        let undelivered = self.outbox.lost();
        let hook = self.settings.reconnect.hook().filter(|_| self.wish.is_none()).cloned();
        let Some(hook) = hook else {
            return self.go_on(ended, undelivered, self.now, Verdict::Decided(None));
        };
        let ended = Arc::new(ended);
        let question = self.ask(|id| Question::decide(id, hook, ended.clone()));
        self.state = State::Deciding(Box::new(Ending { question, ended, undelivered, at: self.now }));
    }

    /// The user decides in place of the hook, at once unless the hook runs at this moment.
    pub(super) fn overrule(&mut self, wish: Wish) {
        self.wish = Some(wish);
        self.question = None;
        self.outbox.touch();
        self.conclude(Verdict::Decided(None));
    }

    /// Goes on where the hook was overruled while it ran, and its answer is not there. Says whether it could.
    pub(super) fn conclude_overruled(&mut self) -> bool {
        self.wish.is_some() && self.conclude(Verdict::Decided(None))
    }

    /// Goes on after an end that the hook was asked about. Says whether that is possible: not while the hook has the end.
    fn conclude(&mut self, verdict: Verdict) -> bool {
        let State::Deciding(ending) = std::mem::replace(&mut self.state, State::Over) else { return false };
        let Ending { question, ended, undelivered, at } = *ending;
        match Arc::try_unwrap(ended) {
            Ok(ended) => {
                self.go_on(ended, undelivered, at, verdict);
                true
            }
            Err(ended) => {
                self.state = State::Deciding(Box::new(Ending { question, ended, undelivered, at }));
                false
            }
        }
    }

    /// Reports the end, which was at this time, and goes on as the user, the hook or the policy wants.
    fn go_on(&mut self, ended: Ended, undelivered: Vec<Message>, at: Instant, verdict: Verdict) {
        let next = match (&self.wish, verdict) {
            (Some(_), _) | (None, Verdict::Panicked) => self.wanted(),
            (None, Verdict::Decided(decision)) => {
                let (policy, random) = (&self.settings.reconnect, &mut self.random);
                let random = || random.next_u64();
                policy
                    .next_after(decision, &mut self.attempts, &ended.end(), random, at)
                    .ok()
                    .map(|after| (at, after))
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
            Verdict::Decided(_) => error,
            Verdict::Panicked => Some(ClientError::HookPanicked { hook: "decide", end: error.map(Box::new) }),
        };
        self.ended(error, closed, undelivered, next);
    }

    /// The last events of the attempt or the connection; then the next attempt, so long after this time, if one follows.
    fn ended(
        &mut self,
        error: Option<ClientError>,
        closed: Closed,
        undelivered: Vec<Message>,
        next: Option<(Instant, Duration)>,
    ) {
        if let Some(error) = error {
            self.events.push(ClientEvent::Error(error));
        }
        self.events.push(ClientEvent::Closed(closed));
        for message in undelivered {
            self.events.push(ClientEvent::Undelivered(message));
        }
        self.check_drained();
        match next {
            Some((from, after)) => self.wait(from, after),
            None => self.over(),
        }
    }

    /// When the user wants the next attempt: so long after this time, if at all.
    fn wanted(&mut self) -> Option<(Instant, Duration)> {
        match self.wish.take() {
            Some(Wish::Again(after)) => {
                self.attempts.again(after);
                Some((self.now, after))
            }
            Some(Wish::Stop) | None => None,
        }
    }
}
