//! Where the tests of opening expect it.

#[path = "../opening/tls/ways.rs"]
pub(crate) mod ways;

pub(crate) use crate::authority;
