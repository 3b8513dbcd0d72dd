//! The steps and the plans of a run are chosen by chance.

use proptest::prelude::*;

use super::Step;
use crate::support::{Plan, Serve, refuse, serve};

pub(super) fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        8 => prop_oneof![0..200_usize, 0..70_000_usize].prop_map(Step::Send),
        2 => Just(Step::Confirm),
        8 => prop_oneof![0..20_u64, 0..30_000_u64].prop_map(Step::Wait),
        2 => any::<bool>().prop_map(Step::Cut),
        1 => proptest::collection::vec(any::<u8>(), 1..20).prop_map(Step::Inject),
        2 => Just(Step::ServerSends),
        1 => codes().prop_map(Step::ServerCloses),
        1 => Just(Step::Close),
        1 => Just(Step::Abort),
        2 => (0..2000_u64).prop_map(Step::ReconnectAfter),
        1 => Just(Step::CancelReconnect),
        1 => Just(Step::Pause),
        2 => Just(Step::Resume),
        2 => any::<bool>().prop_map(Step::Hesitate),
        2 => any::<bool>().prop_map(Step::Take),
        2 => any::<bool>().prop_map(Step::Block),
        1 => Just(Step::TakeUnsent),
        2 => any::<Option<bool>>().prop_map(Step::Deflate),
        1 => Just(Step::ReconnectNow),
        1 => (0..3000_u64).prop_map(Step::CheckNow),
        3 => Just(Step::Release),
        2 => Just(Step::SendNow),
        1 => codes().prop_map(Step::SendNowLate),
    ];
    proptest::collection::vec(step, 1..60)
}

fn codes() -> impl Strategy<Value = u16> {
    prop_oneof![Just(1000), Just(1001), Just(1011), Just(4000)]
}

pub(super) fn plans() -> impl Strategy<Value = Vec<Plan>> {
    let cut = (0..400_usize, 0..400_usize).prop_map(|(takes, delivers)| {
        Plan::Serve(Serve { takes: Some(takes), delivers: Some(delivers.min(takes)), ..Serve::default() })
    });
    let whole =
        (0..400_usize).prop_map(|takes| Plan::Serve(Serve { takes: Some(takes), ..Serve::default() }));
    let mute = Just(Plan::Serve(Serve { is_mute: true, ..Serve::default() }));
    let plan = prop_oneof![
        Just(Plan::NoName),
        Just(Plan::Refuse),
        Just(Plan::BlackHole),
        Just(Plan::Silent),
        Just(refuse(503, "Retry-After: 3\r\n")),
        Just(refuse(302, "Location: /there\r\n")),
        Just(Plan::Raw("garbage\r\n\r\n".into(), true)),
        cut,
        whole,
        mute,
        Just(serve()),
        Just(serve()),
    ];
    proptest::collection::vec(plan, 0..20)
}
