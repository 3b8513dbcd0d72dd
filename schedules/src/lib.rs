#![doc = include_str!("../README.md")]
#![cfg(shuttle)]

pub mod check;
pub mod command;
pub mod flags;
pub mod mutants;
pub mod peer;
pub mod pipe;
pub mod runtime;
pub mod scenarios;
pub mod table;
pub mod worker;
