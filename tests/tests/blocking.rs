//! The suite on threads.

suite::scenarios!(suite::blocking::Blocking);
suite::scenarios!(shared suite::blocking::Blocking);
