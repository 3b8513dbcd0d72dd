//! The error of a setter.

use ws_core::InvalidHeader;

use crate::error::ConnectError;
use crate::proxy::ProxyUrlError;
use crate::target::TargetError;

/// A value that a setter was given and that cannot be used. It is the part of [`ConnectError`] that can be cloned with the options.
#[derive(Clone, Debug)]
pub(super) enum InvalidSetting {
    Url(TargetError),
    TlsUnsupported,
    Request(InvalidHeader),
    Proxy(ProxyUrlError),
}

impl From<InvalidSetting> for ConnectError {
    fn from(invalid: InvalidSetting) -> Self {
        match invalid {
            InvalidSetting::Url(error) => error.into(),
            InvalidSetting::TlsUnsupported => Self::TlsUnsupported,
            InvalidSetting::Request(error) => error.into(),
            InvalidSetting::Proxy(error) => error.into(),
        }
    }
}

impl From<TargetError> for InvalidSetting {
    fn from(error: TargetError) -> Self {
        Self::Url(error)
    }
}

impl From<InvalidHeader> for InvalidSetting {
    fn from(error: InvalidHeader) -> Self {
        Self::Request(error)
    }
}

impl From<ProxyUrlError> for InvalidSetting {
    fn from(error: ProxyUrlError) -> Self {
        Self::Proxy(error)
    }
}
