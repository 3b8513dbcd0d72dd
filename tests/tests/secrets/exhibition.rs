//! Values that are printed in every way.

use std::any::type_name;
use std::collections::BTreeSet;
use std::error::Error;
use std::fmt::{Debug, Display};
use std::fs;

use crate::planted::found;

/// The types that were printed, and the secrets in their texts.
#[derive(Default)]
pub(crate) struct Exhibition {
    /// Types that were shown by `Debug`, and by `Display`, as `crate::Type`.
    debug: BTreeSet<String>,
    display: BTreeSet<String>,
    leaks: BTreeSet<String>,
}

impl Exhibition {
    pub(crate) fn debug<T: Debug + ?Sized>(&mut self, value: &T) {
        let name = name_of(type_name::<T>());
        self.check(&name, "{:?}", &format!("{value:?}"));
        self.check(&name, "{:#?}", &format!("{value:#?}"));
        self.debug.insert(name);
    }

    /// A type that has no value, or whose value was printed elsewhere.
    pub(crate) fn seen<T: Debug>(&mut self) {
        self.debug.insert(name_of(type_name::<T>()));
    }

    pub(crate) fn display<T: Display + ?Sized>(&mut self, value: &T) {
        let name = name_of(type_name::<T>());
        self.check(&name, "{}", &value.to_string());
        self.check(&name, "{:#}", &format!("{value:#}"));
        self.display.insert(name);
    }

    pub(crate) fn both<T: Debug + Display + ?Sized>(&mut self, value: &T) {
        self.debug(value);
        self.display(value);
    }

    /// An error, and all of its sources.
    pub(crate) fn error<T: Error>(&mut self, error: &T) {
        self.both(error);
        let mut next = error.source();
        while let Some(source) = next {
            let name = format!("a source of {}", name_of(type_name::<T>()));
            self.check(&name, "{:?}", &format!("{source:?}"));
            self.check(&name, "{}", &source.to_string());
            next = source.source();
        }
    }

    fn check(&mut self, name: &str, way: &str, text: &str) {
        for secret in found(text) {
            self.leaks.insert(format!("{name} by {way}: {secret}"));
        }
    }

    /// Fails if anything was shown.
    pub(crate) fn expect_no_leaks(&self) {
        let leaks: Vec<&str> = self.leaks.iter().map(String::as_str).collect();
        assert!(leaks.is_empty(), "{} leaks:\n{}", leaks.len(), leaks.join("\n"));
    }

    /// Fails if anything was shown, or if a type of the listings was not looked at.
    pub(crate) fn close(self) {
        self.expect_no_leaks();
        for (way, seen) in [("Debug", self.debug), ("Display", self.display)] {
            let missing: Vec<String> = listed(way).difference(&seen).cloned().collect();
            assert!(missing.is_empty(), "types with {way} that no test looks at: {missing:#?}");
        }
    }
}

/// `ws_core::handshake::http::Response` and `ws_core::Response` are the same: the crate and the last part count.
fn name_of(path: &str) -> String {
    let path = path.trim_start_matches('&').split('<').next().unwrap_or_default();
    match (path.split("::").next(), path.rsplit("::").next()) {
        (Some(first), Some(last)) if path.contains("::") => format!("{first}::{last}"),
        _ => path.into(),
    }
}

/// The types of all listings that have this trait.
fn listed(way: &str) -> BTreeSet<String> {
    let api = concat!(env!("CARGO_MANIFEST_DIR"), "/../api");
    let what = format!("core::fmt::{way} for ");
    let mut types = BTreeSet::new();
    for listing in fs::read_dir(api).unwrap() {
        let path = listing.unwrap().path();
        if path.ends_with("ws-testkit.txt") {
            // A test kit shows the messages of a test, so that a failure can be understood.
            continue;
        }
        let text = fs::read_to_string(path).unwrap();
        types.extend(text.lines().filter_map(|line| {
            let (_, path) = line.strip_prefix("impl")?.rsplit_once(&what)?;
            Some(name_of(path))
        }));
    }
    assert!(types.len() > 40, "the listings have {} types with {way}", types.len());
    types
}
