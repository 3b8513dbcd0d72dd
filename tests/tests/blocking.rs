//! The suite on threads.

suite::scenarios!(suite::blocking::Blocking);
