//! The parameters of permessage-deflate, read and written (RFC 7692 §7.1).

use alloc::format;
use core::fmt;

use crate::extensions::{Extension, InvalidExtension};

use super::NAME;

pub(super) const SERVER_NO_CONTEXT_TAKEOVER: &str = "server_no_context_takeover";
pub(super) const CLIENT_NO_CONTEXT_TAKEOVER: &str = "client_no_context_takeover";
pub(super) const SERVER_MAX_WINDOW_BITS: &str = "server_max_window_bits";
pub(super) const CLIENT_MAX_WINDOW_BITS: &str = "client_max_window_bits";

/// What stands in an offer or a response.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Parameters {
    pub(super) server_no_context_takeover: bool,
    pub(super) client_no_context_takeover: bool,
    pub(super) server_max_window_bits: Option<u8>,
    pub(super) client_max_window_bits: Option<ClientBits>,
}

/// RFC 7692 §7.1.2.2: in an offer, this parameter may be without a value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum ClientBits {
    Any,
    AtMost(u8),
}

impl InvalidExtension {
    pub(super) fn new(parameter: &str, reason: &'static str) -> Self {
        Self { parameter: parameter.into(), reason, is_missing: false }
    }

    pub(super) fn missing(parameter: &str, reason: &'static str) -> Self {
        Self { is_missing: true, ..Self::new(parameter, reason) }
    }

    pub(super) fn bits(parameter: &str, bits: u8, reason: &'static str) -> Self {
        Self::new(&format!("{parameter}={bits}"), reason)
    }
}

impl TryFrom<&Extension> for Parameters {
    type Error = InvalidExtension;

    /// RFC 7692 §7.1: no parameter that is not defined, none twice, and none with a value that it cannot have.
    fn try_from(extension: &Extension) -> Result<Self, InvalidExtension> {
        let mut parameters = Self::default();
        for (name, value) in &extension.parameters {
            let value = value.as_deref();
            let was_set = match &**name {
                SERVER_NO_CONTEXT_TAKEOVER => {
                    flag(name, value)?;
                    core::mem::replace(&mut parameters.server_no_context_takeover, true)
                }
                CLIENT_NO_CONTEXT_TAKEOVER => {
                    flag(name, value)?;
                    core::mem::replace(&mut parameters.client_no_context_takeover, true)
                }
                SERVER_MAX_WINDOW_BITS => {
                    let value = value.ok_or_else(|| InvalidExtension::new(name, "it needs a value"))?;
                    parameters.server_max_window_bits.replace(window_bits(name, value)?).is_some()
                }
                CLIENT_MAX_WINDOW_BITS => {
                    let bits = match value {
                        None => ClientBits::Any,
                        Some(value) => ClientBits::AtMost(window_bits(name, value)?),
                    };
                    parameters.client_max_window_bits.replace(bits).is_some()
                }
                _ => return Err(InvalidExtension::new(name, "permessage-deflate has no such parameter")),
            };
            if was_set {
                return Err(InvalidExtension::new(name, "it is there twice"));
            }
        }
        Ok(parameters)
    }
}

fn flag(name: &str, value: Option<&str>) -> Result<(), InvalidExtension> {
    match value {
        None => Ok(()),
        Some(value) => Err(InvalidExtension::new(&format!("{name}={value}"), "it has no value")),
    }
}

/// RFC 7692 §7.1.2: a decimal integer from 8 to 15 without leading zeros.
fn window_bits(name: &str, value: &str) -> Result<u8, InvalidExtension> {
    match value {
        "8" => Ok(8),
        "9" => Ok(9),
        "10" => Ok(10),
        "11" => Ok(11),
        "12" => Ok(12),
        "13" => Ok(13),
        "14" => Ok(14),
        "15" => Ok(15),
        _ => Err(InvalidExtension::new(
            &format!("{name}={value}"),
            "a window has 8 to 15 bits, written without leading zeros",
        )),
    }
}

impl fmt::Display for Parameters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(NAME)?;
        if self.server_no_context_takeover {
            write!(f, "; {SERVER_NO_CONTEXT_TAKEOVER}")?;
        }
        if self.client_no_context_takeover {
            write!(f, "; {CLIENT_NO_CONTEXT_TAKEOVER}")?;
        }
        if let Some(bits) = self.server_max_window_bits {
            write!(f, "; {SERVER_MAX_WINDOW_BITS}={bits}")?;
        }
        match self.client_max_window_bits {
            None => Ok(()),
            Some(ClientBits::Any) => write!(f, "; {CLIENT_MAX_WINDOW_BITS}"),
            Some(ClientBits::AtMost(bits)) => write!(f, "; {CLIENT_MAX_WINDOW_BITS}={bits}"),
        }
    }
}
