//! The reply of a SOCKS5 proxy.

use std::fmt;

/// Why a SOCKS5 proxy did not connect (RFC 1928 §6).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum Socks5Reply {
    /// 1: general SOCKS server failure.
    GeneralFailure,
    /// 2: connection not allowed by ruleset.
    NotAllowed,
    /// 3: network unreachable.
    NetworkUnreachable,
    /// 4: host unreachable.
    HostUnreachable,
    /// 5: connection refused.
    ConnectionRefused,
    /// 6: TTL expired.
    TtlExpired,
    /// 7: command not supported.
    CommandNotSupported,
    /// 8: address type not supported.
    AddressTypeNotSupported,
    /// A number without a meaning.
    Unknown(u8),
}

impl From<u8> for Socks5Reply {
    fn from(reply: u8) -> Self {
        match reply {
            1 => Self::GeneralFailure,
            2 => Self::NotAllowed,
            3 => Self::NetworkUnreachable,
            4 => Self::HostUnreachable,
            5 => Self::ConnectionRefused,
            6 => Self::TtlExpired,
            7 => Self::CommandNotSupported,
            8 => Self::AddressTypeNotSupported,
            other => Self::Unknown(other),
        }
    }
}

impl fmt::Display for Socks5Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::GeneralFailure => "it failed without saying why (1)",
            Self::NotAllowed => "its rules do not allow this target (2)",
            Self::NetworkUnreachable => "it does not reach the target's network (3)",
            Self::HostUnreachable => "it does not reach the target, or cannot resolve its name (4)",
            Self::ConnectionRefused => "the target refused the connection (5)",
            Self::TtlExpired => "the way to the target is too long, or it took too much time (6)",
            Self::CommandNotSupported => "it does not support CONNECT (7)",
            Self::AddressTypeNotSupported => {
                "it does not support this type of address (8); \
                 socks5h:// gives it the name, socks5:// an address"
            }
            Self::Unknown(reply) => return write!(f, "it answered {reply}, which has no meaning"),
        })
    }
}
