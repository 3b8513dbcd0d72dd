//! Status codes of HTTP.

/// RFC 9110 §15.5.9 (408), RFC 8470 §5.2 (425), RFC 6585 §4 (429), RFC 9110 §15.6 (5xx). The server that does not know
/// the method (501) or the version (505) of a request will not know it next time.
pub(crate) fn is_transient_status(status: u16) -> bool {
    matches!(status, 408 | 425 | 429 | 500 | 502..=504 | 506..=599)
}
