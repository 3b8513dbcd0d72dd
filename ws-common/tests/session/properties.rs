//! Whatever the user, the network and the clock do, in any order.

mod strategies;

use proptest::prelude::*;
use ws_common::{
    reconnect::Reconnect,
    session::{ClientStatus, Delivery},
};
use ws_core::CloseCode;

use crate::deflate::{self, compressing};
use crate::support::{Plan, Serve, Sim, Steps, client, frame, ms, secs, simulate};
use strategies::{plans, steps};

#[derive(Clone, Debug)]
enum Step {
    Send(usize),
    Confirm,
    Wait(u64),
    Cut(bool),
    Inject(Vec<u8>),
    ServerSends,
    ServerCloses(u16),
    Close,
    Abort,
    ReconnectAfter(u64),
    CancelReconnect,
    Pause,
    Resume,
    /// Hooks are asked later.
    Hesitate(bool),
    Take(bool),
    Block(bool),
    TakeUnsent,
    Deflate(Option<bool>),
    ReconnectNow,
    CheckNow(u64),
    /// Only of a client with an opening phase.
    Release,
    SendNow,
    /// The server closes before a message of `send_now` has left.
    SendNowLate(u16),
}

/// The order of events, as it stands with `ClientEvent`.
fn check_order(trace: &[String]) {
    #[derive(Clone, Copy, PartialEq, Debug)]
    enum At {
        Begin,
        Connected,
        Open,
        Closing,
        Error,
        Closed,
    }
    let mut at = At::Begin;
    for (n, event) in trace.iter().enumerate() {
        let next = match (event.split(' ').next().unwrap_or_default(), at) {
            ("full" | "drained", at) => at,
            ("connected", At::Begin | At::Connected | At::Closed) => At::Connected,
            ("open", At::Connected) => At::Open,
            ("message" | "ping" | "pong", At::Open) => At::Open,
            ("closing", At::Open) => At::Closing,
            ("error", At::Begin | At::Connected | At::Open | At::Closed) => At::Error,
            // Without an error: an attempt or a connection that the user gave up, or one that was closed in order.
            ("closed", At::Error | At::Closing | At::Begin | At::Closed | At::Connected | At::Open) => {
                At::Closed
            }
            ("undelivered" | "stuck", At::Closed) => At::Closed,
            ("reconnecting", At::Closed) => At::Begin,
            // In place of the one before.
            ("reconnecting", At::Begin) => At::Begin,
            _ => panic!("{event} after {at:?}: {:?}", &trace[n.saturating_sub(9)..=n]),
        };
        at = next;
    }
}

struct Model {
    sim: Sim,
    sent: Vec<String>,
    /// The messages of `send_now`, each with the number of its connection.
    sent_now: Vec<(u64, String)>,
    /// Connections that were cut, or on which time has passed while the transport took nothing.
    troubled: Vec<u64>,
    /// Every transport delivers what it took.
    delivers_all: bool,
    taken_back: Vec<usize>,
    trace: Vec<String>,
    fulls: usize,
    is_paused: bool,
    has_opening: bool,
}

impl Model {
    fn apply(&mut self, step: &Step) {
        let sim = &mut self.sim;
        let has_server = sim.has_server();
        match step {
            Step::Send(size) => {
                let text = format!("{} {}", self.sent.len(), "x".repeat(*size));
                let had_room = sim.session.has_room();
                match sim.session.send(text.clone()) {
                    Ok(()) => {
                        assert!(had_room);
                        self.sent.push(text);
                    }
                    Err(error) => assert_eq!(error.into_message(), Some(text.into())),
                }
            }
            Step::Confirm => {
                sim.confirm();
            }
            Step::Wait(time) => {
                if sim.switches.is_blocked {
                    self.troubled.push(sim.seen.connections);
                }
                sim.advance(ms(*time));
            }
            Step::Cut(reset) if sim.is_connected() => {
                self.troubled.push(sim.seen.connections);
                if *reset {
                    sim.reset();
                } else {
                    sim.cut();
                }
            }
            Step::Inject(bytes) => sim.inject(bytes),
            Step::ServerSends if has_server => drop(sim.server().send("hello")),
            Step::ServerCloses(code) if has_server => {
                let now = sim.now;
                sim.server().close(frame(*code), now);
            }
            Step::Close => {
                sim.session.close(CloseCode::NORMAL.into(), sim.now);
                // What is left is handed out.
                self.is_paused = false;
            }
            Step::Abort => sim.session.abort(sim.now),
            Step::ReconnectAfter(time) => sim.session.reconnect_after(ms(*time), sim.now),
            Step::CancelReconnect => sim.session.cancel_reconnect(),
            Step::Pause => {
                sim.session.pause(sim.now);
                self.is_paused = true;
            }
            Step::Resume => {
                sim.session.resume(sim.now);
                self.is_paused = false;
            }
            Step::Hesitate(is_hesitating) => sim.hesitate(*is_hesitating),
            Step::Take(taking) => sim.switches.is_taking = *taking,
            Step::Block(blocked) => sim.switches.is_blocked = *blocked,
            Step::TakeUnsent => self.take_unsent(),
            Step::Deflate(wanted) => deflate::say(&mut sim.session, *wanted),
            Step::ReconnectNow => sim.session.reconnect_now(sim.now),
            Step::CheckNow(time) => sim.session.check_now(ms(*time), sim.now),
            Step::Release if self.has_opening => drop(sim.session.release(sim.now)),
            Step::SendNow if self.has_opening => self.send_now(),
            Step::SendNowLate(code) if self.has_opening && has_server => {
                let was_blocked = std::mem::replace(&mut sim.switches.is_blocked, true);
                let now = sim.now;
                self.send_now();
                self.sim.server().close(frame(*code), now);
                self.sim.settle();
                self.sim.switches.is_blocked = was_blocked;
            }
            _ => {}
        }
        self.look();
    }

    fn send_now(&mut self) {
        let is_open = self.sim.session.status() == ClientStatus::Open;
        let text = format!("now {}", self.sent_now.len());
        let sent = self.sim.session.send_now(&*text);
        assert_eq!(sent.is_ok(), is_open);
        if is_open {
            self.sent_now.push((self.sim.seen.connections, text));
        }
    }

    fn take_unsent(&mut self) {
        let unsent = self.sim.session.take_unsent();
        let numbers = unsent.iter().map(|message| number(message.as_text().expect("a text")));
        assert!(numbers.clone().is_sorted());
        self.taken_back.extend(numbers);
    }

    fn look(&mut self) {
        let news = self.sim.lines();
        self.is_paused &= self.sim.session.status() != ClientStatus::Closed;
        for event in &news {
            // Each once, in turns.
            match &**event {
                "full" => self.fulls += 1,
                "drained" => self.fulls -= 1,
                event => assert!(!self.is_paused || !event.starts_with("message"), "after pause: {event}"),
            }
            assert!(self.fulls <= 1);
        }
        self.trace.extend(news);
        check_order(&self.trace);
    }

    /// The network is well again and the user looks: everything comes to rest.
    fn settle(&mut self) {
        let sim = &mut self.sim;
        (sim.switches.is_taking, sim.switches.is_blocked) = (true, false);
        sim.forget_plans();
        sim.session.resume(sim.now);
        self.is_paused = false;
        sim.hesitate(false);
        if sim.session.status() == ClientStatus::Closed {
            sim.session.reconnect_after(ms(1), sim.now);
        }
        // Past all deadlines and delays.
        for _ in 0..40 {
            self.sim.advance(secs(60));
            self.sim.session.release(self.sim.now);
            if self.sim.session.status() == ClientStatus::Closed {
                self.sim.session.reconnect_after(ms(1), self.sim.now);
            }
        }
        self.look();
        assert_eq!(self.sim.session.status(), ClientStatus::Open);
        if self.sim.session.flushed(None) != Some(Ok(())) {
            assert!(!self.sent_now.is_empty(), "a message of `send_now` is lost with its connection");
            assert_eq!(self.sim.session.flushed(None), Some(Ok(())));
        }
        self.check_present();
        assert_eq!(self.fulls, 0);
        // All but the one that is open.
        let ends = self.trace.iter().filter(|event| event.starts_with("closed")).count() as u64;
        assert_eq!(ends + 1, self.sim.session.stats().attempts);
    }
}

impl Model {
    /// Messages of `send_now` went out on their own connection alone, in order. All did, if it was closed by both ends, was not cut, and
    /// close_timeout did not pass meanwhile.
    fn check_present(&self) {
        let received = |connection: u64| {
            let received = self.sim.seen.received.iter().filter(move |(other, _)| *other == connection);
            received.map(|(_, text)| text).filter(|text| text.starts_with("now")).collect::<Vec<_>>()
        };
        let mut connection = 0;
        for event in &self.trace {
            connection += u64::from(event == "connected");
            if !event.starts_with("closed") {
                continue;
            }
            let sent = self.sent_now.iter().filter(|(other, _)| *other == connection);
            let sent: Vec<_> = sent.map(|(_, text)| text).collect();
            assert!(sent.starts_with(&received(connection)), "{sent:?}");
            if self.delivers_all && event.contains("clean") && !self.troubled.contains(&connection) {
                assert_eq!(sent, received(connection), "{event}");
            }
        }
    }
}

fn run(
    delivery: Delivery,
    opening: Option<bool>,
    compresses: bool,
    chunk: usize,
    plans: Vec<Plan>,
    steps: &[Step],
) -> Model {
    let login = opening.map(|_| "login");
    let reconnect = Reconnect::after(ms(50));
    // Hooks that change nothing, or none, as the plans have it.
    let reconnect = if plans.len().is_multiple_of(2) { reconnect } else { reconnect.decide(|_| None) };
    let delivers_all =
        !plans.iter().any(|plan| matches!(plan, Plan::Serve(serve) if serve.delivers.is_some()));
    // Servers that do and servers that do not, in turns.
    let plans = plans.into_iter().enumerate().map(|(n, plan)| match plan {
        Plan::Serve(serve) => Plan::Serve(Serve { config: deflate::server(n % 3 != 0), login, ..serve }),
        other => other,
    });
    let builder = if compresses { compressing() } else { client() };
    let builder = builder.reconnect(reconnect).delivery(delivery).max_send_buffer(100_000).max_redirects(1);
    let builder =
        if steps.len().is_multiple_of(2) { builder } else { builder.prepare(|_, options| Ok(options)) };
    let builder = match opening {
        Some(hold) => builder.hold(hold).on_open(|_| ["login"]),
        None => builder,
    };
    let sim = simulate(builder.max_deliveries(1000), plans);
    let mut model = Model {
        sim,
        sent: Vec::new(),
        sent_now: Vec::new(),
        troubled: Vec::new(),
        delivers_all,
        taken_back: Vec::new(),
        trace: Vec::new(),
        fulls: 0,
        is_paused: false,
        has_opening: opening.is_some(),
    };
    model.sim.then(Plan::Serve(Serve { config: deflate::server(compresses), login, ..Serve::default() }));
    model.sim.switches.chunk = chunk;
    steps.iter().for_each(|step| model.apply(step));
    model.settle();
    model
}

/// Where in the order of what was sent.
fn number(text: &str) -> usize {
    text.split(' ').next().and_then(|number| number.parse().ok()).expect("a message of ours")
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn at_most_once_and_in_order(
        compresses in any::<bool>(),
        chunk in prop_oneof![1..40_usize, Just(usize::MAX)],
        plans in plans(),
        steps in steps(),
    ) {
        let model = run(Delivery::AtMostOnce, None, compresses, chunk, plans, &steps);
        let got: Vec<_> = model.sim.texts().into_iter().map(number).collect();
        prop_assert!(got.is_sorted_by(|a, b| a < b), "{got:?}");
        let back = &model.taken_back;
        prop_assert!(got.iter().all(|n| !back.contains(n)), "{got:?}, {back:?}");
        // Each was taken by a transport, or handed back.
        let taken = model.sim.session.stats().messages_sent as usize;
        prop_assert_eq!(taken + back.len(), model.sent.len());
    }

    #[test]
    fn at_least_once_and_each_for_the_first_time_in_order(
        compresses in any::<bool>(),
        chunk in prop_oneof![1..40_usize, Just(usize::MAX)],
        plans in plans(),
        steps in steps(),
    ) {
        let mut model = run(Delivery::Confirmed, None, compresses, chunk, plans, &steps);
        let mut first = Vec::new();
        for n in model.sim.texts().into_iter().map(number) {
            if !first.contains(&n) {
                first.push(n);
            }
        }
        let mut all: Vec<_> = first.iter().chain(&model.taken_back).copied().collect();
        all.sort_unstable();
        all.dedup();
        prop_assert!(first.is_sorted(), "{first:?}");
        prop_assert_eq!(all, (0..model.sent.len()).collect::<Vec<_>>());
        let ticket = model.sim.confirm();
        let first = model.sim.outcome(&ticket);
        prop_assert_ne!(first, None);
    }

    #[test]
    fn the_login_comes_first_on_every_connection(
        is_confirmed in any::<bool>(),
        hold in any::<bool>(),
        chunk in prop_oneof![1..40_usize, Just(usize::MAX)],
        plans in plans(),
        steps in steps(),
    ) {
        let delivery = if is_confirmed { Delivery::Confirmed } else { Delivery::AtMostOnce };
        let model = run(delivery, Some(hold), false, chunk, plans, &steps);
        prop_assert_eq!(&model.sim.seen.refused, &[""; 0]);
        let mut last = None;
        for (connection, text) in &model.sim.seen.received {
            prop_assert_eq!(last != Some(*connection), text == "login", "{:?}", &model.sim.seen.received);
            last = Some(*connection);
        }
        let texts = model.sim.texts();
        let ours = texts.into_iter().filter(|text| *text != "login" && !text.starts_with("now"));
        let ours = ours.map(number);
        let got: Vec<_> = ours.collect();
        prop_assert!(is_confirmed || got.is_sorted_by(|a, b| a < b), "{got:?}");
        prop_assert!((0..model.sent.len()).all(|n| got.contains(&n) || model.taken_back.contains(&n)) || !is_confirmed);
    }
}
