//! The client's opening handshake (RFC 6455 §4.1): what it takes for an answer.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use sha1::{Digest, Sha1};
use ws_core::{
    ClientHandshake, CloseCode, Config, Event, HandshakeError, Machine, Random, Response, ResponseError,
    TransportError,
};

use crate::handshake_request::{field, handshake, request, sent};
use crate::support::*;

/// The value of `Sec-WebSocket-Accept` that answers `head` (RFC 6455 §4.2.2).
fn accept(head: &str) -> String {
    let guid = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
    BASE64.encode(Sha1::digest([field(head, "Sec-WebSocket-Key")[0], guid].concat()))
}

/// Feeds the parts of a response; what the handshake says to each is the last answer.
fn answer<'a>(
    handshake: &mut ClientHandshake,
    parts: impl IntoIterator<Item = &'a [u8]>,
) -> Result<Option<Response>, HandshakeError> {
    let mut answer = Ok(None);
    for part in parts {
        feed(handshake, part, at(1));
        if let Ok(None) = answer {
            answer = handshake.poll_event();
        }
    }
    answer
}

/// A right response, with further lines.
fn response(handshake: &mut ClientHandshake, lines: &str) -> String {
    let accept = accept(&sent(handshake));
    format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {accept}\r\n{lines}\r\n"
    )
}

#[test]
fn a_right_response_opens_whatever_its_case_order_and_further_fields() {
    let all = |accept: &str| {
        [
            format!(
                "HTTP/1.1 101 \r\nupgrade: WebSocket\r\nCONNECTION: keep-alive, UPGRADE\r\nsec-websocket-accept:{accept}\r\n\r\n"
            ),
            format!(
                "HTTP/1.1 101\r\nSec-WebSocket-Accept: {accept} \r\nConnection: x\r\nConnection: upgrade\r\nUpgrade:websocket\r\n\r\n"
            ),
            format!(
                "HTTP/1.1 101 S\r\nX: \u{e9}\r\nX:\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\nSec-WebSocket-Protocol: b\r\n\r\n"
            ),
        ]
    };
    for n in 0..3 {
        let request = request().subprotocol("a").and_then(|request| request.subprotocol("b")).unwrap();
        let mut handshake = handshake(&request);
        let head = all(&accept(&sent(&mut handshake)))[n].clone();
        let response = answer(&mut handshake, [head.as_bytes()]).unwrap().unwrap();
        assert_eq!((response.status(), response.reveal().to_string()), (101, head));
        assert_eq!(response.subprotocol(), (n == 2).then_some("b"));
        assert!(handshake.open(at(1)).is_ok());
    }
}

/// RFC 9110 §15.2: interim responses may come even if they are not expected. 101 is not one of them.
#[test]
fn interim_responses_before_the_answer_are_passed_over_wherever_they_are_cut() {
    let interim = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n";
    for chunk in [1, 7, 1000] {
        let mut opening = handshake(&request());
        let response = [interim, &response(&mut opening, "")].concat();
        assert!(answer(&mut opening, response.as_bytes().chunks(chunk)).unwrap().is_some());
        let refusal = [interim, "HTTP/1.1 503 Busy\r\nRetry-After: 7\r\nContent-Length: 0\r\n\r\n"].concat();
        match answer(&mut handshake(&request()), refusal.as_bytes().chunks(chunk)) {
            Err(HandshakeError::Rejected(rejected)) => assert_eq!(rejected.response.status(), 503),
            other => panic!("{other:?}"),
        }
    }
}

/// Whether the error of a wrong response is the expected one.
type IsExpected = fn(&HandshakeError) -> bool;

fn wrong_responses(accept: &str) -> Vec<(String, IsExpected)> {
    use HandshakeError::{HeadTooLong, Response, TooManyHeaders};
    let upgrade: IsExpected = |error| matches!(error, Response(ResponseError::Upgrade(_)));
    let connection: IsExpected = |error| matches!(error, Response(ResponseError::Connection(_)));
    let wrong_accept: IsExpected = |error| matches!(error, Response(ResponseError::Accept(_)));
    let subprotocol: IsExpected = |error| matches!(error, Response(ResponseError::Subprotocol(_)));
    let extension: IsExpected = |error| matches!(error, Response(ResponseError::Extension(_)));
    let malformed: IsExpected = |error| matches!(error, Response(ResponseError::Malformed(_)));
    let not_http: IsExpected = |error| matches!(error, Response(ResponseError::NotHttp(_)));
    let right = format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {accept}\r\n\r\n"
    );
    let instead = |of: &str, new: &str| right.replacen(of, new, 1);
    let accept_line = format!("Sec-WebSocket-Accept: {accept}\r\n");
    let other_case: String = accept
        .chars()
        .map(|c| if c.is_ascii_lowercase() { c.to_ascii_uppercase() } else { c.to_ascii_lowercase() })
        .collect();
    let also = |line: &str| instead("\r\n\r\n", &format!("\r\n{line}\r\n\r\n"));
    vec![
        (instead("Upgrade: websocket\r\n", ""), upgrade),
        (instead("Upgrade: websocket", "Upgrade: websocket, h2c"), upgrade),
        (instead("Upgrade: websocket", "Upgrade: h2c"), upgrade),
        (instead("Upgrade: websocket", "Upgrade: websocket/13"), upgrade),
        (also("Upgrade: websocket"), upgrade),
        (instead("Connection: Upgrade\r\n", ""), connection),
        (instead("Connection: Upgrade", "Connection: close"), connection),
        (instead("Connection: Upgrade", "Connection: not-upgrade, upgraded"), connection),
        (instead("Connection: Upgrade", "Connection: \u{2003}Upgrade"), connection),
        (instead(&accept_line, ""), wrong_accept),
        (instead(accept, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="), wrong_accept),
        (instead(accept, ""), wrong_accept),
        (instead(accept, &other_case), wrong_accept),
        (also(accept_line.trim_end()), wrong_accept),
        (also("Sec-WebSocket-Protocol: other"), subprotocol),
        (also("Sec-WebSocket-Protocol: V1"), subprotocol),
        (also("Sec-WebSocket-Protocol: v1, v2"), subprotocol),
        (also("Sec-WebSocket-Protocol: v1\r\nSec-WebSocket-Protocol: v2"), subprotocol),
        (also("Sec-WebSocket-Protocol:"), subprotocol),
        (also("Sec-WebSocket-Extensions: permessage-deflate"), extension),
        (instead("HTTP/1.1", "HTTP/1.0"), not_http),
        (instead("HTTP/1.1", "HTTP/2.0"), not_http),
        ("SSH-2.0-OpenSSH_9.9\r\n".into(), not_http),
        ("\x15\x03\x01\0\x02\x02\x16".into(), not_http),
        ("\r\nHTTP/1.1 101 X\r\n\r\n".into(), not_http),
        (instead("101", "1O1"), malformed),
        (instead("Upgrade: websocket", "Upgrade websocket"), malformed),
        (also("Up grade: x"), malformed),
        (also("X: a\0b"), malformed),
        (instead("\r\nUpgrade", "\r\n folded\r\nUpgrade"), malformed),
        (also(&"X: y\r\n".repeat(98)), |error| matches!(error, TooManyHeaders)),
        (also(&format!("X: {}", "y".repeat(16 * 1024))), |error| matches!(error, HeadTooLong)),
        ("HTTP/1.1 101 ".to_owned() + &"x".repeat(17 * 1024), |error| matches!(error, HeadTooLong)),
    ]
}

#[test]
fn a_wrong_response_is_a_typed_error_wherever_it_is_cut() {
    let offer = request().subprotocol("v1").and_then(|request| request.subprotocol("v2")).unwrap();
    let accept = accept(&sent(&mut handshake(&offer)));
    for (response, is_expected) in wrong_responses(&accept) {
        let bytes = response.as_bytes();
        let start = &response[..response.len().min(300)];
        let fails = |parts: &mut dyn Iterator<Item = &[u8]>| {
            let mut handshake = handshake(&offer);
            let error = answer(&mut handshake, parts).unwrap_err();
            assert!(is_expected(&error), "{error:?} for {start}");
            assert!(matches!(handshake.poll_event(), Ok(None)), "reported once");
            assert_eq!(handshake.poll_timeout(), None);
            assert!(handshake.open(at(1)).is_err());
            error.to_string()
        };
        let whole = fails(&mut [bytes].into_iter());
        let same = |error: String| {
            // A peer that speaks something else is found out by what there is of it.
            assert!(error == whole || whole.contains("begins with"), "{error} is not {whole}");
        };
        same(fails(&mut bytes.chunks(1)));
        for cut in (1..bytes.len().min(500)).chain([bytes.len() - 1]).filter(|&cut| cut > 0) {
            let (head, tail) = bytes.split_at(cut);
            same(fails(&mut [head, tail].into_iter()));
        }
    }
}

/// RFC 9112 §5.2: a user agent must replace each fold by spaces.
#[test]
fn a_folded_line_is_one_value_wherever_it_is_cut() {
    for (fold, value) in [("\r\n ", "b c"), (" \r\n\t ", "b c"), ("\n  ", "b c"), ("\r\n \r\n ", "b  c")] {
        let mut whole = handshake(&request());
        let head = response(&mut whole, &format!("X-A: b{fold}c\r\nX-B: d\r\n"));
        for chunk in 1..=head.len() {
            let mut handshake = handshake(&request());
            let response = answer(&mut handshake, head.as_bytes().chunks(chunk)).unwrap().unwrap();
            assert_eq!(response.headers().get("X-A"), Some(value), "{fold:?} in chunks of {chunk}");
            assert_eq!(response.headers().get("X-B"), Some("d"));
        }
    }
}

/// RFC 9110 §2.5: a higher minor version is understood as the highest one that is known.
#[test]
fn a_higher_minor_version_is_as_good_as_1_1() {
    for minor in ["1", "2", "9"] {
        let mut opening = handshake(&request());
        let head = response(&mut opening, "").replacen("HTTP/1.1", &format!("HTTP/1.{minor}"), 1);
        for chunk in [1, 1000] {
            let mut handshake = handshake(&request());
            let response = answer(&mut handshake, head.as_bytes().chunks(chunk)).unwrap().unwrap();
            assert_eq!(response.reveal().to_string(), head);
        }
    }
}

#[test]
fn an_empty_list_of_extensions_is_none() {
    for list in ["", " ", ",", " , "] {
        let mut handshake = handshake(&request());
        let head = response(&mut handshake, &format!("Sec-WebSocket-Extensions: {list}\r\n"));
        assert!(answer(&mut handshake, [head.as_bytes()]).unwrap().is_some(), "{list:?}");
    }
}

#[test]
fn a_value_that_is_malformed_is_found_by_the_name_of_its_field() {
    let mut handshake = handshake(&request());
    let head = response(&mut handshake, "X-A: fine\r\nSet-Cookie: ___utmv=secret\x01OZ\r\n");
    let error = answer(&mut handshake, [head.as_bytes()]).unwrap_err().to_string();
    assert!(error.contains("a header value, of Set-Cookie") && !error.contains("secret"), "{error}");
}

#[test]
fn heads_up_to_the_limits_are_taken() {
    let mut many = handshake(&request());
    let head = response(&mut many, &"X: y\r\n".repeat(97));
    assert!(answer(&mut many, [head.as_bytes()]).unwrap().is_some(), "100 headers");
    for (extra, fits) in [(0, true), (1, false)] {
        let mut long = handshake(&request());
        let short = response(&mut long, "X: \r\n").len();
        let mut long = handshake(&request());
        let line = format!("X: {}\r\n", "y".repeat(16 * 1024 - short + extra));
        let head = response(&mut long, &line);
        assert_eq!(answer(&mut long, [head.as_bytes()]).is_ok(), fits, "{} bytes", head.len());
    }
}

#[test]
fn a_subprotocol_that_is_required_must_be_chosen() {
    let offer = request().subprotocol("v1").unwrap().require_subprotocol(true);
    let mut without = handshake(&offer);
    let head = response(&mut without, "");
    let error = answer(&mut without, [head.as_bytes()]).unwrap_err();
    assert!(matches!(error, HandshakeError::Response(ResponseError::SubprotocolMissing)));
    let mut with = handshake(&offer);
    let head = response(&mut with, "Sec-WebSocket-Protocol: v1\r\n");
    assert_eq!(answer(&mut with, [head.as_bytes()]).unwrap().unwrap().subprotocol(), Some("v1"));
}

#[test]
fn what_comes_after_the_head_belongs_to_the_connection_wherever_it_is_cut() {
    let server = ws_core::Role::Server;
    let frames = [frame(server, TEXT, b"first"), frame(server, BINARY, &[7; 600]), close(server, 1000, b"")];
    let expected =
        [message("first"), message(vec![7; 600]), Seen::Event(Event::Closing(CloseCode::NORMAL.into()))];
    let whole = [response(&mut handshake(&request()), "").into_bytes(), frames.concat()].concat();
    for cut in 1..=whole.len() {
        let mut handshake = handshake(&request());
        sent(&mut handshake);
        let (head, tail) = whole.split_at(cut);
        let mut opened = answer(&mut handshake, [head]).unwrap().is_some();
        let mut rest = tail;
        if !opened {
            // The rest of the head may come with the frames, or the handshake may be opened later.
            opened = answer(&mut handshake, [tail]).unwrap().is_some();
            rest = &[];
        }
        assert!(opened, "cut at {cut}");
        let mut connection = handshake.open(at(1)).unwrap();
        let mut seen = drain(&mut connection);
        if !rest.is_empty() {
            seen.extend(read(&mut connection, rest, at(1)));
        }
        assert_eq!(seen, expected, "cut at {cut}");
    }
}

#[test]
fn the_end_of_the_stream_moves_along_with_what_came_before_it() {
    let mut ended = handshake(&request());
    let head = response(&mut ended, "");
    feed(&mut ended, &[head.as_bytes(), &frame(ws_core::Role::Server, TEXT, b"x")].concat(), at(1));
    ended.handle_read(0, at(1));
    assert!(ended.poll_event().unwrap().is_some());
    let mut connection = ended.open(at(1)).unwrap();
    let seen = drain(&mut connection);
    assert_eq!(seen[..2], [message("x"), Seen::Eof]);
    assert!(ends_once(&seen));
}

#[test]
fn the_handshake_is_handed_back_if_it_is_opened_too_early() {
    let early = handshake(&request()).open(at(0)).unwrap_err();
    let mut early = early.open(at(0)).unwrap_err();
    let head = response(&mut early, "");
    assert!(answer(&mut early, head.as_bytes().chunks(7)).unwrap().is_some());
    assert!(early.open(at(0)).is_ok());
}

#[test]
fn a_server_that_does_not_answer_is_an_error_that_says_how() {
    let mut silent = handshake(&request());
    assert_eq!(silent.poll_timeout(), Some(at(10)));
    feed(&mut silent, b"HTTP/1.1 1", at(5));
    silent.handle_timeout(at(9));
    assert!(matches!(silent.poll_event(), Ok(None)));
    silent.handle_timeout(at(10));
    assert!(matches!(silent.poll_event(), Err(HandshakeError::Timeout)));
    assert!(matches!(silent.poll_event(), Ok(None)));
    assert_eq!(silent.poll_timeout(), None);

    for sent in [&b""[..], b"HTTP/1.1 101 Switching"] {
        let mut ended = handshake(&request());
        feed(&mut ended, sent, at(0));
        ended.handle_read(0, at(0));
        let error = ended.poll_event().unwrap_err();
        assert!(matches!(error, HandshakeError::UnexpectedEof(n) if n == sent.len()), "{error:?}");
    }

    for broken in [TransportError::read("reset"), TransportError::write("reset")] {
        let mut failed = handshake(&request());
        failed.handle_error(broken, at(0));
        failed.handle_read(0, at(0));
        assert!(matches!(failed.poll_event(), Err(HandshakeError::Transport(_))));
    }
}

#[test]
fn a_response_that_came_before_the_request_could_be_written_is_worth_more_than_the_broken_pipe() {
    let mut refused = handshake(&request());
    refused.handle_error(TransportError::write("broken pipe"), at(0));
    assert!(matches!(refused.poll_event(), Ok(None)));
    feed(&mut refused, b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n", at(0));
    assert!(
        matches!(refused.poll_event(), Err(HandshakeError::Rejected(rejected)) if rejected.response.status() == 503)
    );
}

#[test]
fn the_connection_keeps_the_settings_and_a_request_that_has_not_left() {
    let mut early = ClientHandshake::new(
        &request(),
        Config::default().max_message_size(3).ping_interval(seconds(7)),
        Random::from_seed([3; 32]),
        at(10),
    );
    let accept = accept(&String::from_utf8(write_copy(&mut early)).unwrap());
    let head = format!(
        "HTTP/1.1 101 x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n\r\n"
    );
    assert!(answer(&mut early, [head.as_bytes()]).unwrap().is_some());
    let mut connection = early.open(at(2)).unwrap();
    let first_ping = connection.poll_timeout().unwrap();
    assert!(first_ping > at(2) + seconds(7) / 2 && first_ping < at(9), "{first_ping:?}");
    connection.withhold_from_a_closing_peer();
    connection.send("x").unwrap();
    // The peer closes; the request is not cut though nothing of it has left.
    read(&mut connection, &close(ws_core::Role::Server, 1000, b""), at(2));
    connection.answer_closing_peer(true);
    let sent = write(&mut connection, at(2));
    let request_len = sent.windows(4).position(|bytes| bytes == b"\r\n\r\n").unwrap() + 4;
    assert_eq!(frames(ws_core::Role::Client, &sent[request_len..]), [(CLOSE, vec![0x03, 0xE8])]);
}

/// What waits, without writing it.
fn write_copy(handshake: &mut ClientHandshake) -> Vec<u8> {
    use ws_core::bytes::Buf;
    handshake.outbound().chunk().to_vec()
}
