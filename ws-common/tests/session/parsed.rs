//! Whatever handles, the network and the peer do: what `confirm` confirms, the peer has parsed.

use std::collections::BTreeSet;

use proptest::prelude::*;
use ws_common::{
    reconnect::Reconnect,
    session::{ClientStatus, ConfirmError, Delivery, Mark, Ticket},
};
use ws_core::CloseCode;

use crate::support::{Plan, Serve, Sim, client, ms, secs, simulate};

#[derive(Clone, Debug)]
enum Step {
    Send(usize, usize),
    Confirm(usize),
    ConfirmAll,
    Clone(usize, usize),
    Ping(bool),
    Wait(u64),
    Cut(bool),
    ServerCloses,
    Close,
    Abort,
    Mute(bool),
    Block(bool),
    TakeUnsent,
}

const HANDLES: usize = 4;

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let handle = || 0..HANDLES;
    let step = prop_oneof![
        8 => (handle(), prop_oneof![0..200_usize, 0..70_000_usize]).prop_map(|(n, size)| Step::Send(n, size)),
        6 => handle().prop_map(Step::Confirm),
        1 => Just(Step::ConfirmAll),
        1 => (handle(), handle()).prop_map(|(from, to)| Step::Clone(from, to)),
        2 => any::<bool>().prop_map(Step::Ping),
        6 => (0..20_u64).prop_map(Step::Wait),
        3 => any::<bool>().prop_map(Step::Cut),
        1 => Just(Step::ServerCloses),
        1 => Just(Step::Close),
        1 => Just(Step::Abort),
        2 => any::<bool>().prop_map(Step::Mute),
        2 => any::<bool>().prop_map(Step::Block),
        1 => Just(Step::TakeUnsent),
    ];
    proptest::collection::vec(step, 1..80)
}

/// Servers to which less arrives than the transport takes, in part.
fn plans() -> impl Strategy<Value = Vec<Plan>> {
    let cut = (0..400_usize, 0..400_usize).prop_map(|(takes, delivers)| {
        Plan::Serve(Serve { takes: Some(takes), delivers: Some(delivers.min(takes)), ..Serve::default() })
    });
    let late = (0..400_usize)
        .prop_map(|delivers| Plan::Serve(Serve { delivers: Some(delivers), ..Serve::default() }));
    let whole = Just(Plan::Serve(Serve::default()));
    let mute = Plan::Serve(Serve { is_mute: true, ..Serve::default() });
    proptest::collection::vec(prop_oneof![2 => cut, 1 => late, 2 => whole, 1 => Just(mute)], 0..10)
}

/// A handle, and the messages that it has sent since its last `confirm` that returned.
#[derive(Clone, Default)]
struct Handle {
    mark: Mark,
    open: BTreeSet<usize>,
    has_sent: bool,
}

/// A `confirm` that waits: of a handle, or of the client.
struct Waiting {
    handle: Option<usize>,
    ticket: Ticket,
    about: BTreeSet<usize>,
    /// The handle was replaced meanwhile.
    is_orphan: bool,
}

struct Model {
    sim: Sim,
    sent: usize,
    handles: [Handle; HANDLES],
    /// Of the client itself.
    all: BTreeSet<usize>,
    waiting: Vec<Waiting>,
    oks: usize,
    errors: usize,
}

impl Model {
    fn apply(&mut self, step: &Step) {
        let sim = &mut self.sim;
        match step {
            Step::Send(handle, size) => {
                let handle = &mut self.handles[*handle];
                let text = format!("{} {}", self.sent, "x".repeat(*size));
                if sim.session.send_marked(text.into(), &handle.mark).is_ok() {
                    handle.open.insert(self.sent);
                    handle.has_sent = true;
                    self.all.insert(self.sent);
                    self.sent += 1;
                }
            }
            Step::Confirm(n) => {
                let handle = &self.handles[*n];
                match sim.session.confirm(Some(&handle.mark)) {
                    Ok(ticket) => self.waiting.push(Waiting {
                        handle: Some(*n),
                        ticket,
                        about: handle.open.clone(),
                        is_orphan: false,
                    }),
                    Err(error) => assert_eq!((error, handle.has_sent), (ConfirmError::NothingSent, false)),
                }
            }
            Step::ConfirmAll => {
                let ticket = sim.session.confirm(None).expect("no handle");
                let about = self.all.clone();
                self.waiting.push(Waiting { handle: None, ticket, about, is_orphan: false });
            }
            Step::Clone(from, to) => {
                self.handles[*to] = self.handles[*from].clone();
                let replaced = self.waiting.iter_mut().filter(|waiting| waiting.handle == Some(*to));
                replaced.for_each(|waiting| waiting.is_orphan = true);
            }
            Step::Ping(is_same) => {
                let payload = if *is_same { String::new() } else { self.sent.to_string() };
                let _ = sim.session.ping(payload);
            }
            Step::Wait(time) => sim.advance(ms(*time)),
            Step::Cut(reset) if sim.is_connected() => {
                if *reset {
                    sim.reset();
                } else {
                    sim.cut();
                }
            }
            Step::ServerCloses if sim.has_server() => {
                let now = sim.now;
                sim.server().close(CloseCode::GOING_AWAY, now);
            }
            Step::Close => sim.session.close(CloseCode::NORMAL.into(), sim.now),
            Step::Abort => sim.session.abort(sim.now),
            Step::Mute(is_mute) => sim.switches.is_mute = *is_mute,
            Step::Block(is_blocked) => sim.switches.is_blocked = *is_blocked,
            Step::TakeUnsent => drop(sim.session.take_unsent()),
            Step::Cut(_) | Step::ServerCloses => {}
        }
        self.look();
        if self.sim.session.status() == ClientStatus::Closed {
            self.sim.session.reconnect_after(ms(1), self.sim.now);
        }
    }

    fn look(&mut self) {
        let number = |text: &str| -> usize {
            text.split(' ').next().and_then(|number| number.parse().ok()).expect("a message of ours")
        };
        let parsed: BTreeSet<_> = self.sim.texts().into_iter().map(number).collect();
        let (session, handles) = (&mut self.sim.session, &mut self.handles);
        self.waiting.retain(|Waiting { handle, ticket, about, is_orphan }| {
            // What became of a handle that is no more says as much as any other.
            let own = handle.filter(|_| !is_orphan);
            let orphan = Mark::new();
            let mark = handle.map(|_| own.map_or(&orphan, |n| &handles[n].mark));
            let Some(outcome) = session.confirmed(ticket, mark) else { return true };
            if outcome == Ok(()) {
                self.oks += 1;
                assert!(about.is_subset(&parsed), "{:?} were not parsed", about.difference(&parsed));
            } else {
                self.errors += 1;
            }
            if outcome != Err(ConfirmError::Closed) {
                match (handle, own) {
                    (None, _) => self.all.retain(|n| !about.contains(n)),
                    (Some(_), Some(n)) => handles[n].open.retain(|n| !about.contains(n)),
                    (Some(_), None) => {}
                }
            }
            false
        });
    }

    /// The network is well again: every `confirm` returns.
    fn settle(&mut self) {
        (self.sim.switches.is_mute, self.sim.switches.is_blocked) = (false, false);
        self.sim.forget_plans();
        for _ in 0..20 {
            if self.sim.session.status() == ClientStatus::Closed {
                self.sim.session.reconnect_after(ms(1), self.sim.now);
            }
            self.sim.advance(secs(10));
        }
        self.look();
        assert!(self.waiting.is_empty());
        (0..HANDLES).for_each(|n| self.apply(&Step::Confirm(n)));
        self.apply(&Step::ConfirmAll);
        self.sim.advance(secs(100));
        self.look();
        assert!(self.waiting.is_empty());
    }
}

fn run(delivery: Delivery, chunk: usize, plans: Vec<Plan>, steps: &[Step]) -> Model {
    let builder = client().reconnect(Reconnect::after(ms(5))).delivery(delivery).max_send_buffer(100_000);
    let sim = simulate(builder.max_deliveries(3).confirm_timeout(secs(1)), plans);
    let mut model = Model {
        sim,
        sent: 0,
        handles: Default::default(),
        all: BTreeSet::new(),
        waiting: Vec::new(),
        oks: 0,
        errors: 0,
    };
    model.sim.switches.chunk = chunk;
    steps.iter().for_each(|step| model.apply(step));
    model.settle();
    model
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn what_is_confirmed_was_parsed(
        is_confirmed in any::<bool>(),
        chunk in prop_oneof![1..40_usize, Just(usize::MAX)],
        plans in plans(),
        steps in steps(),
    ) {
        let delivery = if is_confirmed { Delivery::Confirmed } else { Delivery::AtMostOnce };
        run(delivery, chunk, plans, &steps);
    }

    #[test]
    fn all_is_confirmed_where_nothing_is_lost(steps in steps()) {
        let is_harmless = |step: &Step| matches!(
            step,
            Step::Send(..) | Step::Confirm(_) | Step::ConfirmAll | Step::Clone(..) | Step::Ping(_) | Step::Wait(_)
        );
        let steps: Vec<_> = steps.into_iter().filter(is_harmless).collect();
        for delivery in [Delivery::AtMostOnce, Delivery::Confirmed] {
            let model = run(delivery, usize::MAX, Vec::new(), &steps);
            prop_assert_eq!(model.errors, 0);
            prop_assert!(model.oks > 0);
        }
    }
}
