#![doc = include_str!("../README.md")]

mod pair;
mod relay;
mod scripted;
mod virtual_client;
pub mod wire;

pub use pair::MachinePair;
pub use relay::{Fault, FaultRelay, Transfer, Way};
pub use scripted::{Arrival, RunningScript, ScriptError, ScriptedPeer, ScriptedRequest, ScriptedServer};
pub use virtual_client::{
    AttemptPlan, ServerManner, VirtualClient, VirtualRecord, VirtualSwitches, trace_line,
};

pub use {ws_common, ws_core};
