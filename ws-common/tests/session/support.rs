//! A driver in virtual time, and the lines of the events that it saw.

use std::time::Duration;

use ws_common::session::{ClientBuilder, ConfirmError, Session, Ticket};
use ws_core::{CloseCode, CloseFrame, Instant};
pub(crate) use ws_testkit::{AttemptPlan as Plan, ServerManner as Serve, VirtualClient as Sim};

pub(crate) fn at(seconds: u64) -> Instant {
    Instant::since_epoch(secs(seconds))
}

pub(crate) fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

pub(crate) fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

pub(crate) fn frame(code: u16) -> CloseFrame {
    CloseCode::new(code).expect("a code that may be sent").into()
}

pub(crate) const URL: &str = "ws://server.test/feed";

/// A client without pings of its own, so that only what a test does happens.
pub(crate) fn client() -> ClientBuilder<Session> {
    ClientBuilder::new(URL).ping_interval(None)
}

pub(crate) fn serve() -> Plan {
    Plan::default()
}

pub(crate) fn refuse(status: u16, fields: &str) -> Plan {
    Plan::refuse_with(status, fields)
}

/// A client that meets these plans, and then servers without faults.
pub(crate) fn simulate(builder: ClientBuilder<Session>, plans: impl IntoIterator<Item = Plan>) -> Sim {
    let mut sim = Sim::new(builder).expect("settings that can be used");
    sim.plan(plans);
    sim
}

/// Steps of these tests alone.
pub(crate) trait Steps {
    /// The events since the last time, but for `GaveUp`, which is always the last: see `seen.gave_up`.
    fn lines(&mut self) -> Vec<String>;

    fn expect(&mut self, expected: &[&str]);

    /// Asks about the messages of all handles.
    fn confirm(&mut self) -> Ticket;

    fn outcome(&mut self, ticket: &Ticket) -> Option<Result<(), ConfirmError>>;

    fn hesitate(&mut self, is_hesitating: bool);
}

impl Steps for Sim {
    fn lines(&mut self) -> Vec<String> {
        self.trace().into_iter().filter(|line| !line.starts_with("gave up")).collect()
    }

    fn expect(&mut self, expected: &[&str]) {
        assert_eq!(self.lines(), expected, "at {:?}", self.now);
    }

    fn confirm(&mut self) -> Ticket {
        self.session.confirm(None).expect("no handle that has sent nothing")
    }

    fn outcome(&mut self, ticket: &Ticket) -> Option<Result<(), ConfirmError>> {
        self.session.confirmed(ticket, None)
    }

    fn hesitate(&mut self, is_hesitating: bool) {
        self.switches.is_hesitating = is_hesitating;
        if !is_hesitating {
            self.answer();
        }
    }
}
