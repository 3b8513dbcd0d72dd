//! In place of the extension, where the feature `deflate` is off: the same types, of which there is no value.

mod inflate_turn;

use alloc::vec::Vec;
use core::fmt;
use core::num::NonZero;

use crate::error::ViolationKind;
use crate::extensions::InvalidExtension;
use crate::frame::Role;

pub(crate) use inflate_turn::{InflateProgress, InflateTurn};

#[derive(Clone, Copy, Debug)]
pub(crate) enum Deflate {}

/// No compression: there is nothing to choose.
#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct DeflateChoice(());

impl DeflateChoice {
    pub(crate) fn get(self) -> Option<Deflate> {
        None
    }
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum NegotiatedDeflate {}

pub(crate) enum Compressor {}

pub(crate) enum Inflater {}

type Negotiated = Result<Option<NegotiatedDeflate>, InvalidExtension>;

impl Deflate {
    pub(crate) fn accept<'a>(&self, _offers: impl IntoIterator<Item = &'a str>) -> Negotiated {
        match *self {}
    }

    pub(crate) fn wishes(&self) -> Option<[&'static str; 2]> {
        match *self {}
    }

    pub(crate) fn confirm<'a>(&self, _response: impl IntoIterator<Item = &'a str>) -> Negotiated {
        match *self {}
    }
}

impl fmt::Display for Deflate {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {}
    }
}

impl NegotiatedDeflate {
    pub(crate) fn compressor(&self, _role: Role) -> Compressor {
        match *self {}
    }

    pub(crate) fn inflater(&self, _role: Role) -> Inflater {
        match *self {}
    }
}

impl fmt::Display for NegotiatedDeflate {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {}
    }
}

impl Compressor {
    pub(crate) fn is_wanted(&self) -> bool {
        match *self {}
    }

    pub(crate) fn message(&mut self, _payload: &[u8]) -> Option<Vec<u8>> {
        match *self {}
    }

    pub(crate) fn fragment(&mut self, _fragment: &[u8], _last: bool) -> Vec<u8> {
        match *self {}
    }
}

impl Inflater {
    pub(crate) fn step(&mut self, _input: &[u8], _last: bool, _room: usize) -> InflateTurn<'_> {
        match *self {}
    }

    pub(crate) fn with_max_ratio(self, _max: Option<NonZero<u32>>) -> Self {
        match self {}
    }

    pub(crate) fn violation(&self) -> ViolationKind {
        match *self {}
    }

    pub(crate) fn end_message(&mut self) {
        match *self {}
    }
}
