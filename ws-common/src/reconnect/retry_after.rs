//! When a server wants to be asked again (RFC 9110 §10.2.3).

use std::time::Duration;

use httpdate::parse_http_date;
use ws_core::Headers;

/// What `Retry-After` says: seconds, or a date, which counts from the response's own `Date`, so that neither clock need be
/// right. What is neither says nothing, and so does a field that is there twice, and a date without a `Date`.
pub(super) fn retry_after(headers: &Headers) -> Option<Duration> {
    parse(only(headers, "Retry-After")?, only(headers, "Date"))
}

fn only<'a>(headers: &'a Headers, name: &'a str) -> Option<&'a str> {
    let mut values = headers.all(name);
    values.next().filter(|_| values.next().is_none())
}

fn parse(value: &str, date: Option<&str>) -> Option<Duration> {
    let value = value.trim_matches([' ', '\t']);
    if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        // Digits alone fail only where they are too many.
        return Some(Duration::from_secs(value.parse().unwrap_or(u64::MAX)));
    }
    let until = parse_http_date(value).ok()?;
    let from = parse_http_date(date?).ok()?;
    Some(until.duration_since(from).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NOON: &str = "Sun, 06 Nov 1994 12:00:00 GMT";

    #[test]
    fn seconds_or_a_date_after_the_date() {
        for (value, date, seconds) in [
            ("0", None, Some(0)),
            ("120", None, Some(120)),
            ("120", Some(NOON), Some(120)),
            ("120", Some("noon"), Some(120)),
            (" 7\t", None, Some(7)),
            ("007", None, Some(7)),
            ("99999999999999999999999999", None, Some(u64::MAX)),
            ("", None, None),
            (" ", None, None),
            ("-1", None, None),
            ("+1", None, None),
            ("1.5", None, None),
            ("1e3", None, None),
            ("12 0", None, None),
            ("0x10", None, None),
            ("1, 2", None, None),
            ("soon", Some(NOON), None),
            ("１２", Some(NOON), None),
            ("Sun, 06 Nov 1994 12:00:30 GMT", Some(NOON), Some(30)),
            ("Mon, 07 Nov 1994 12:00:00 GMT", Some(NOON), Some(24 * 60 * 60)),
            ("Sunday, 06-Nov-94 12:01:00 GMT", Some(NOON), Some(60)),
            ("Sun Nov  6 12:02:00 1994", Some(NOON), Some(120)),
            ("Sun, 06 Nov 1994 12:00:30 GMT", Some("Sun Nov  6 12:00:00 1994"), Some(30)),
            ("Fri, 31 Dec 9999 23:59:59 GMT", Some("Thu, 01 Jan 1970 00:00:00 GMT"), Some(253_402_300_799)),
            (NOON, Some(NOON), Some(0)),
            ("Sun, 06 Nov 1994 11:00:00 GMT", Some(NOON), Some(0)),
            (NOON, None, None),
            (NOON, Some("yesterday"), None),
            (NOON, Some(""), None),
            ("Sun, 31 Feb 1994 12:00:00 GMT", Some(NOON), None),
            ("Sun, 06 Nov 1994 12:00:30 CET", Some(NOON), None),
            ("Sun, 06 Nov 0000 12:00:30 GMT", Some(NOON), None),
        ] {
            let expected = seconds.map(Duration::from_secs);
            assert_eq!(parse(value, date), expected, "{value:?} after {date:?}");
        }
    }

    proptest! {
        #[test]
        fn no_value_is_too_odd(value in "\\PC*", date in "\\PC*") {
            parse(&value, Some(&date));
        }

        #[test]
        fn no_date_is_too_odd(
            value in "(Sun|Monday|Wednesday|Thu)(, | )(([0-9]{1,2}|Feb)[ -]){0,3}[0-9]{0,5} ?[0-9:]{0,9}( GMT| 1994|)"
        ) {
            parse(&value, Some(NOON));
            parse(NOON, Some(&value));
        }
    }
}
