//! permessage-deflate in the opening handshake of machines.

use ws_core::bytes::BytesMut;
use ws_core::{
    Accept, ClientHandshake, ClientRequest, Config, Connection, Deflate, Event, HandshakeError, Machine,
    Message, Random, RequestError, Response, ResponseError, ServerHandshake,
};

use crate::support::*;

fn client(config: Config) -> ClientHandshake {
    ClientHandshake::new(&ClientRequest::new("a", "/").unwrap(), config, Random::from_seed([1; 32]), at(10))
}

fn server(config: Config) -> ServerHandshake {
    ServerHandshake::new(config, Random::from_seed([2; 32]), at(10))
}

/// Opens a connection between the two; `change` sees the response and may change it.
fn open_both(
    client_config: Config,
    server_config: Config,
    accept: &Accept,
    change: impl Fn(String) -> String,
) -> Result<(Connection, Response, Connection), HandshakeError> {
    let (mut client, mut server) = (client(client_config), server(server_config));
    feed(&mut server, &write(&mut client, at(0)), at(0));
    server.poll_event()?.unwrap();
    let mut server = server.accept(accept, at(0)).unwrap();
    let response = change(String::from_utf8(write(&mut server, at(0))).unwrap());
    feed(&mut client, response.as_bytes(), at(0));
    let response = client.poll_event()?.unwrap();
    Ok((client.open(at(0)).unwrap(), response, server))
}

#[test]
fn two_ends_that_are_asked_to_compress_and_others_do_not() {
    let on = || quiet().deflate(Deflate::default());
    let declining = Accept::new().without_deflate();
    for (client, server, accept, expected) in [
        (on(), on(), Accept::new(), true),
        (on(), quiet(), Accept::new(), false),
        (quiet(), on(), Accept::new(), false),
        (quiet(), quiet(), Accept::new(), false),
        (on(), on(), declining, false),
    ] {
        let (mut client, response, mut server) = open_both(client, server, &accept, |it| it).unwrap();
        assert_eq!((client.deflate().is_some(), server.deflate().is_some()), (expected, expected));
        assert_eq!(response.extension(), expected.then_some("permessage-deflate"));
        let text = "compressible ".repeat(20);
        for (from, to) in [(0, 1), (1, 0)] {
            let ends = [&mut client, &mut server];
            ends[from].send(text.clone()).unwrap();
            let bytes = write(ends[from], at(1));
            assert_eq!(bytes[0], if expected { 0xC1 } else { TEXT });
            assert_eq!(bytes.len() < text.len(), expected);
            feed(ends[to], &bytes, at(1));
            assert_eq!(ends[to].poll_event().unwrap(), Some(Event::Message(Message::from(text.clone()))));
        }
    }
}

#[test]
fn the_request_has_the_offer_and_the_server_can_ask_for_it() {
    let deflate = Deflate::default().client_max_window_bits(11);
    let mut client = client(quiet().deflate(deflate));
    let head = String::from_utf8(write(&mut client, at(0))).unwrap();
    let offer = "permessage-deflate; client_max_window_bits=11";
    assert!(head.contains(&format!("\r\nSec-WebSocket-Extensions: {offer}\r\n")), "{head}");
    let mut server = server(quiet());
    feed(&mut server, head.as_bytes(), at(0));
    let request = server.poll_event().unwrap().unwrap();
    assert_eq!(request.extensions().collect::<Vec<_>>(), [offer]);
}

#[test]
fn a_response_that_is_no_answer_to_the_offer_fails_the_handshake() {
    let line = "Sec-WebSocket-Extensions: permessage-deflate\r\n";
    for wrong in [
        "permessage-deflate; server_max_window_bits=7",
        "permessage-deflate; client_max_window_bits",
        "permessage-deflate, permessage-deflate",
        "x-other",
        "permessage-deflate; ",
    ] {
        let config = || quiet().deflate(Deflate::default());
        let change = |head: String| head.replace(line, &format!("Sec-WebSocket-Extensions: {wrong}\r\n"));
        let error = open_both(config(), config(), &Accept::new(), change).unwrap_err();
        let is_typed = matches!(&error, HandshakeError::Response(ResponseError::InvalidExtension(_)));
        assert!(is_typed, "{wrong}: {error:?}");
        assert!(error.to_string().contains("Sec-WebSocket-Extensions"), "{error}");
    }
    let add = |head: String| {
        head.replace("Connection:", "Sec-WebSocket-Extensions: permessage-deflate\r\nConnection:")
    };
    let error = open_both(quiet(), quiet(), &Accept::new(), add).unwrap_err();
    assert!(matches!(error, HandshakeError::Response(ResponseError::Extension(_))), "{error:?}");
}

#[test]
fn a_request_whose_extensions_are_no_list_is_answered_with_400() {
    for (config, is_refused) in [(quiet().deflate(Deflate::default()), true), (quiet(), false)] {
        let mut server = server(config);
        let head = "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
            Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\
            Sec-WebSocket-Extensions: permessage-deflate;\r\n\r\n";
        feed(&mut server, head.as_bytes(), at(0));
        match server.poll_event() {
            Err(HandshakeError::Request(RequestError::Extensions(seen))) if is_refused => {
                assert_eq!(seen, "permessage-deflate;");
                assert!(write(&mut server, at(0)).starts_with(b"HTTP/1.1 400 "));
            }
            other => assert!(!is_refused && other.is_ok(), "{other:?}"),
        }
    }
}

#[test]
fn without_a_handshake_of_its_own_a_connection_compresses_only_when_it_is_told_what_was_agreed() {
    let config = quiet().deflate(Deflate::default());
    let role = ws_core::Role::Server;
    let random = || Random::from_seed([3; 32]);
    let connection = Connection::after_handshake(role, &config, random(), BytesMut::new(), at(0));
    assert_eq!(connection.deflate(), None);
    let agreed = Deflate::default().accept(["permessage-deflate; server_max_window_bits=9"]).unwrap();
    let connection = connection.with_deflate(agreed.unwrap());
    assert_eq!(connection.deflate(), agreed);
    assert_eq!(agreed.unwrap().server_max_window_bits(), 9);
}
