//! `Retry-After` is seconds, or a date that counts from `Date`. A client waits for exactly that time, up to its limit; any other value
//! says nothing.
#![no_main]

use std::time::{Duration, UNIX_EPOCH};

use libfuzzer_sys::fuzz_target;
use ws_common::reconnect::Reconnect;
use ws_common::session::{ClientBuilder, ClientEvent};
use ws_core::Machine;
use ws_fuzz::at;
use ws_fuzz::client::Client;

/// The default of `max_retry_after`.
const MAX: u64 = 60 * 60;
/// RFC 9110 §5.6.7: two digits of a year that is over 50 years ahead mean the past. So dates in that form end with 2069.
const END: u64 = 3_155_000_000;
const NOON: &str = "Sun, 06 Nov 1994 12:00:00 GMT";

/// The time for which a client waits, in seconds.
fn wait(value: &[u8], date: Option<&str>, lengths: &[u8]) -> u64 {
    let builder = ClientBuilder::new("ws://server.example/").reconnect(Reconnect::after(Duration::ZERO));
    let date = date.map_or(String::new(), |date| format!("Date: {date}\r\n"));
    let head = format!("HTTP/1.1 503 x\r\nContent-Length: 0\r\n{date}Retry-After: ");
    let mut client = Client::start(builder);
    client.read(&[head.as_bytes(), value, b"\r\n\r\n"].concat(), lengths, at(0));
    client.session.handle_read(0, at(0));
    match &client.events()[..] {
        [
            ClientEvent::Connected { .. },
            ClientEvent::Error(_),
            ClientEvent::Closed(_),
            ClientEvent::Reconnecting { after, attempt: 1, .. },
        ] => {
            assert!(client.session.poll_timeout() == Some(at(0) + *after) && after.subsec_nanos() == 0);
            after.as_secs()
        }
        events => panic!("{events:?}"),
    }
}

/// The three forms of a date (RFC 9110 §5.6.7).
fn print(seconds: u64, form: u8) -> String {
    let fixed = httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_secs(seconds));
    let [day, date, month, year, time, _] = fixed.split(' ').collect::<Vec<_>>()[..] else {
        panic!("{fixed}")
    };
    let day = day.trim_end_matches(',');
    let rest = match day {
        "Tue" => "sday",
        "Wed" => "nesday",
        "Thu" => "rsday",
        "Sat" => "urday",
        _ => "day",
    };
    match form % 3 {
        0 => fixed,
        1 => format!("{day}{rest}, {date}-{month}-{} {time} GMT", &year[2..]),
        _ => format!("{day} {month} {:>2} {time} {year}", date.trim_start_matches('0')),
    }
}

/// The time that a text asks for by itself, if it is one.
fn seconds(text: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(text).ok()?.trim_matches([' ', '\t']);
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| text.parse().unwrap_or(u64::MAX).min(MAX))
}

fuzz_target!(|input: (u8, u32, i16, Vec<u8>, &[u8])| {
    let (kind, from, later, lengths, text) = input;
    let from = u64::from(from).min(END) + (1 << 15);
    let until = from.saturating_add_signed(later.into());
    let asked = until.saturating_sub(from).min(MAX);
    let (from, until) = (print(from, kind), print(until, kind / 3));
    assert_eq!(wait(until.as_bytes(), Some(&from), &lengths), asked, "{until:?} after {from:?}");
    assert_eq!(wait(until.as_bytes(), None, &[]), 0, "a date without a date to count from");

    let after = wait(text, Some(NOON), &lengths);
    assert!(after <= MAX);
    assert_eq!(wait(text, Some(NOON), &[]), after, "cut");
    assert_eq!(wait(&[b" \t", text, b"\t "].concat(), Some(NOON), &[]), after, "space around it");
    if !text.contains(&b'\n') {
        let own = seconds(text);
        assert_eq!(wait(text, None, &[]), own.unwrap_or(0), "without a date");
        assert!(own.is_none_or(|own| own == after), "seconds do not need a date");
    }
});
