//! What can be set when a connection is opened.

mod accept;
mod checked;
mod connection;
mod error;
mod opening;
mod redirect;
mod setters;
mod step;

use std::time::Duration;

use crate::error::ConnectError;

pub use accept::AcceptOptions;
pub(crate) use accept::ClientKey;
pub use checked::CheckedOptions;
use error::InvalidSetting;
pub(crate) use step::{PublicStep, Redirect};

/// The longest time for everything up to the open connection: resolving, connecting, the opening handshake.
const OPEN_TIMEOUT: Duration = Duration::from_secs(10);
/// For ever, as far as an attempt to connect goes; what a clock can show is no more than this away.
const FOR_EVER: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// How a client connects. A URL alone is one, with every default.
///
/// ```
/// use std::time::Duration;
/// use ws_common::ConnectOptions;
///
/// let options = ConnectOptions::new("ws://127.0.0.1:8080/feed")
///     .header("Cookie", "session=1")
///     .subprotocol("chat.v2")
///     .ping_interval(Duration::from_secs(55))
///     .open_timeout(Duration::from_secs(3));
/// ```
///
/// No setter fails. `connect` reports the first value that cannot be used, before it sends anything. [`build`](Self::build) reports it at
/// once.
///
/// A [`ClientBuilder`](crate::session::ClientBuilder) has the same settings, and takes these options in place of a URL.
#[derive(Clone, Debug)]
pub struct ConnectOptions {
    /// All settings, or the first error.
    checked: Result<CheckedOptions, InvalidSetting>,
}

impl ConnectOptions {
    /// Connects to `url`: `ws://host:port/path?query`, or `wss://`.
    pub fn new(url: impl AsRef<str>) -> Self {
        Self { checked: CheckedOptions::new(url.as_ref()) }
    }

    /// Checks the options. `connect` takes the result as well.
    ///
    /// ```
    /// use ws_common::{ConnectError, ConnectOptions};
    ///
    /// let options = ConnectOptions::new("ws://127.0.0.1:8080/feed").header("Cookie", "a\nb").origin("\n");
    /// let Err(ConnectError::Request(error)) = options.build() else { panic!("an illegal header field") };
    /// assert_eq!(error.name, "Cookie");
    /// ```
    ///
    /// # Errors
    ///
    /// The error of the first setter that was given an invalid value, [`new`](Self::new) included. Or [`ConnectError::Request`] if a
    /// subprotocol is [required](Self::require_subprotocol) and none is offered.
    pub fn build(self) -> Result<CheckedOptions, ConnectError> {
        let checked = self.check_each()?;
        checked.request.check()?;
        Ok(checked)
    }

    /// Checks each setting by itself: settings that have to fit together are not complete yet.
    pub(crate) fn check_each(self) -> Result<CheckedOptions, ConnectError> {
        Ok(self.checked?)
    }

    /// Makes a setting, unless an earlier one has failed.
    fn set(mut self, set: impl FnOnce(&mut CheckedOptions)) -> Self {
        if let Ok(options) = &mut self.checked {
            set(options);
        }
        self
    }

    /// Makes a setting that may fail, unless an earlier one has failed.
    fn try_set<E: Into<InvalidSetting>>(
        self,
        set: impl FnOnce(CheckedOptions) -> Result<CheckedOptions, E>,
    ) -> Self {
        Self { checked: self.checked.and_then(|options| set(options).map_err(Into::into)) }
    }
}

impl From<CheckedOptions> for ConnectOptions {
    fn from(options: CheckedOptions) -> Self {
        Self { checked: Ok(options) }
    }
}

impl From<&str> for ConnectOptions {
    fn from(url: &str) -> Self {
        Self::new(url)
    }
}

impl From<String> for ConnectOptions {
    fn from(url: String) -> Self {
        Self::new(url)
    }
}

impl From<&String> for ConnectOptions {
    fn from(url: &String) -> Self {
        Self::new(url)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn authorization_is_set_once_by_the_url_or_by_a_header() {
        let once = ConnectOptions::new("ws://h/").header("Authorization", "Bearer a");
        for twice in [once, ConnectOptions::new("ws://user:pass@h/")] {
            let error = twice.header("authorization", "Bearer b").build().unwrap_err();
            assert!(error.to_string().contains("set already"), "{error}");
        }
    }
}
