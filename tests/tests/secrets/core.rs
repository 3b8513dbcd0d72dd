//! The types of ws-core.

use ws_core::bytes::{Buf, Bytes, BytesMut};
use ws_core::frame::{Header, Opcode, Rules};
use ws_core::{
    Accept, ClientHandshake, ClientRequest, CloseCode, CloseFrame, Closed, Config, Connection, DataPoll,
    Error, Event, FirstLine, ForEachEnd, HandshakeError, HeadError, Initiator, Instant, Machine, Message,
    MessageKind, MessageRef, NotText, Random, Reject, Rejected, Request, RequestError, Response,
    ResponseError, ResponseHead, Role, SendError, ServerHandshake,
};

use crate::exhibition::Exhibition;
use crate::planted::{
    AUTHORIZATION, BINARY, BODY, COOKIE, FIELD, HEADER, LOCATION, PASSWORD, PING, QUERY, REASON, SET_COOKIE,
    SUBPROTOCOL, TEXT,
};

pub(crate) const NOW: Instant = Instant::EPOCH;

pub(crate) fn random() -> Random {
    Random::from_seed([7; 32])
}

/// `Display` shows this number of characters of a peer's words to the reader. A secret behind them is hidden.
pub(crate) const WORDS: usize = 80;

/// A reason of a Close frame that begins with words for the reader.
pub(crate) fn reason() -> String {
    format!("{} {REASON}", ".".repeat(WORDS))
}

/// The body of a refusal, of the same kind.
pub(crate) fn body() -> String {
    format!("{{\"error\":\"{}\",\"token\":\"{BODY}\"}}", ".".repeat(WORDS))
}

pub(crate) fn client_request() -> ClientRequest {
    ClientRequest::new("server.test", &format!("/feed?token={QUERY}"))
        .unwrap()
        .header("Authorization", &format!("Bearer {AUTHORIZATION}"))
        .unwrap()
        .header("Cookie", &format!("session={COOKIE}"))
        .unwrap()
        .header("X-Token", HEADER)
        .unwrap()
        .subprotocol(SUBPROTOCOL)
        .unwrap()
}

/// All that a machine has to say.
pub(crate) fn said(machine: &mut impl Machine) -> Vec<u8> {
    let outbound = machine.outbound();
    let mut bytes = vec![0; outbound.remaining()];
    outbound.copy_to_slice(&mut bytes);
    machine.handle_write(bytes.len(), NOW);
    bytes
}

pub(crate) fn feed(machine: &mut impl Machine, bytes: &[u8]) {
    machine.inbound().extend_from_slice(bytes);
    machine.handle_read(bytes.len(), NOW);
}

fn client() -> ClientHandshake {
    ClientHandshake::new(&client_request(), Config::default(), random(), NOW)
}

fn server() -> ServerHandshake {
    ServerHandshake::new(Config::default(), random(), NOW)
}

fn accept(request: &Request) -> Accept {
    Accept::new()
        .subprotocol(request, SUBPROTOCOL)
        .unwrap()
        .header("Set-Cookie", &format!("session={SET_COOKIE}"))
        .unwrap()
}

/// A handshake, and both ends of the connection.
fn handshake(exhibition: &mut Exhibition) -> (Request, Response, Connection, Connection) {
    let (mut client, mut server) = (client(), server());
    exhibition.debug(&client);
    feed(&mut server, &said(&mut client));
    exhibition.debug(&server);
    let request = server.poll_event().unwrap().unwrap();
    let mut server = server.accept(&accept(&request), NOW).unwrap();
    feed(&mut client, &said(&mut server));
    let response = client.poll_event().unwrap().unwrap();
    (request, response, client.open(NOW).unwrap(), server)
}

/// A response that sends the client elsewhere.
pub(crate) fn redirect() -> Vec<u8> {
    let body = body();
    let location = format!("wss://{LOCATION}:{PASSWORD}@other.test/login?token={LOCATION}#{LOCATION}");
    format!(
        "HTTP/1.1 302 Found\r\nLocation: {location}\r\nSet-Cookie: {SET_COOKIE}\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .into()
}

/// The error of a client that gets this answer.
pub(crate) fn answered(answer: &[u8]) -> HandshakeError {
    let mut client = client();
    feed(&mut client, answer);
    client.poll_event().unwrap_err()
}

/// The error of a server that gets this request.
fn asked(request: &[u8]) -> HandshakeError {
    let config = Config::default().deflate(ws_core::Deflate::default());
    let mut server = ServerHandshake::new(config, random(), NOW);
    feed(&mut server, request);
    server.poll_event().unwrap_err()
}

pub(crate) fn rejected() -> Box<Rejected> {
    match answered(&redirect()) {
        HandshakeError::Rejected(rejected) => rejected,
        other => panic!("{other}"),
    }
}

/// Each answer of a server that quotes a secret and is no handshake.
pub(crate) fn wrong_answers() -> Vec<Vec<u8>> {
    let head = |lines: &str| format!("HTTP/1.1 101 Switching Protocols\r\n{lines}\r\n").into_bytes();
    let key = {
        let mut client = client();
        let request = String::from_utf8(said(&mut client)).unwrap();
        let mut server = server();
        feed(&mut server, request.as_bytes());
        server.poll_event().unwrap().unwrap();
        let answer = said(&mut server.accept(&Accept::new(), NOW).unwrap());
        let answer = String::from_utf8(answer).unwrap();
        answer.lines().find(|line| line.starts_with("Sec-WebSocket-Accept")).unwrap().to_owned()
    };
    let upgrade = "Upgrade: websocket\r\nConnection: upgrade\r\n";
    vec![
        head(&format!("Upgrade: {FIELD}\r\n")),
        head(&format!("Upgrade: websocket\r\nConnection: {FIELD}\r\n")),
        head(&format!("{upgrade}Sec-WebSocket-Accept: {FIELD}\r\n")),
        head(&format!("{upgrade}{key}\r\nSec-WebSocket-Protocol: {}x\r\n", &SUBPROTOCOL[..19])),
        head(&format!("{upgrade}{key}\r\nSec-WebSocket-Extensions: {FIELD}\r\n")),
        head(&format!("{upgrade}X-Token: {FIELD}\x01\r\n")),
        format!("SSH-2.0 {} {FIELD}\r\n", ".".repeat(WORDS)).into_bytes(),
    ]
}

fn handshakes(exhibition: &mut Exhibition) {
    let (request, response, client, server) = handshake(exhibition);
    // On request, they are shown.
    let revealed = format!("{}{}", request.reveal(), response.reveal());
    for secret in [QUERY, AUTHORIZATION, COOKIE, HEADER, SUBPROTOCOL, SET_COOKIE] {
        assert!(revealed.contains(secret), "{revealed}");
    }
    assert!(response.headers().reveal().to_string().contains(SET_COOKIE));
    exhibition.debug(&client_request());
    exhibition.debug(&request);
    exhibition.debug(request.headers());
    exhibition.both(&response);
    exhibition.debug(response.headers());
    exhibition.debug(&accept(&request));
    exhibition.debug(&client);
    exhibition.debug(&server);
    let uri = format!("GET ws://server.test/feed?{QUERY} HTTP/1.1\r\n");
    let whole = String::from_utf8(said(&mut self::client())).unwrap();
    let absolute = whole.replacen(whole.lines().next().unwrap(), uri.trim_end(), 1);
    let mut server = self::server();
    feed(&mut server, absolute.as_bytes());
    exhibition.debug(&server.poll_event().unwrap().unwrap());
    let reject = Reject::new(401).unwrap().header("WWW-Authenticate", HEADER).unwrap().body(body());
    exhibition.debug(&reject);
}

fn handshake_failures(exhibition: &mut Exhibition) {
    exhibition.error(&*rejected());
    exhibition.error(&answered(&redirect()));
    for answer in wrong_answers() {
        let error = answered(&answer);
        exhibition.error(&error);
        if let HandshakeError::Response(error) = &error {
            exhibition.both::<ResponseError>(error);
        }
    }
    let request = String::from_utf8(said(&mut client())).unwrap();
    let key = request.lines().find(|line| line.starts_with("Sec-WebSocket-Key")).unwrap();
    for wrong in [
        request.replace(key, &format!("Sec-WebSocket-Key: {FIELD}")),
        request.replace("Version: 13", &format!("Version: {FIELD}")),
        request.replace("GET ", &format!("{FIELD} ")),
        request.replace(
            "Cookie: ",
            &format!("Sec-WebSocket-Extensions: permessage-deflate; a=\"{FIELD}\r\nCookie: "),
        ),
        request.replace("Cookie: ", "Cookie: \x01"),
        request.replace("Host: ", &format!("Host: {PASSWORD}@")),
        request.replace("GET /", &format!("GET ws://{PASSWORD}@server.test/?{QUERY}")),
        request.replace("Cookie: ", &format!("Origin: https://me:{PASSWORD}@page.test/?{QUERY}\r\nCookie: ")),
        request.replace("Cookie: ", "Origin: https://page.test\r\nCookie: "),
    ] {
        let error = asked(wrong.as_bytes());
        exhibition.error(&error);
        if let HandshakeError::Request(error) = &error {
            exhibition.both::<RequestError>(error);
        }
    }
    for invalid in [
        // The whole line in place of the name.
        client_request().header(&format!("Authorization: Bearer {AUTHORIZATION}"), "").unwrap_err(),
        client_request().header("Cookie", &format!("{COOKIE}\n")).unwrap_err(),
        client_request().subprotocol(&format!("{SUBPROTOCOL} x")).unwrap_err(),
        ClientRequest::new(&format!("me:{PASSWORD}@server.test"), "/").unwrap_err(),
        ClientRequest::new("server.test", &format!("feed?{QUERY}")).unwrap_err(),
    ] {
        exhibition.error(&invalid);
    }
    let parameter = format!("permessage-deflate; {FIELD}={FIELD}");
    exhibition.error(&ws_core::Deflate::default().confirm([&*parameter]).unwrap_err());
    let mut head = ResponseHead::default();
    exhibition.debug(&head);
    let start = format!("{FIELD}\r\n\r\n");
    exhibition.both(&FirstLine::of(start.as_bytes()));
    exhibition.debug::<HeadError>(&head.take(&mut BytesMut::from(&*start)).unwrap_err());
}

pub(crate) fn messages() -> [Message; 2] {
    [TEXT.into(), BINARY.into()]
}

pub(crate) fn closed() -> Closed {
    let mut closed = Closed::abrupt(1000, Initiator::Remote);
    closed.reason = reason().into();
    closed
}

pub(crate) fn close_frame() -> CloseFrame {
    CloseFrame::new(CloseCode::NORMAL, reason()).unwrap()
}

/// A connection that gets this frame.
fn received(frame: &[u8]) -> Connection {
    let mut client =
        Connection::after_handshake(Role::Client, &Config::default(), random(), BytesMut::new(), NOW);
    feed(&mut client, frame);
    client
}

fn frame(opcode: u8, payload: &[u8]) -> Vec<u8> {
    [&[0x80 | opcode, payload.len() as u8], payload].concat()
}

fn illegal_close() -> Error {
    let payload = [&[0, 0], reason().as_bytes()].concat();
    received(&frame(8, &payload)).poll_event().unwrap_err()
}

fn connections(exhibition: &mut Exhibition) {
    for message in messages() {
        exhibition.both(&message);
        exhibition.both(&message.as_ref());
        exhibition.debug(&DataPoll::Message(message.clone()));
        exhibition.both(&Event::Message(message.clone()));
        exhibition.error(&SendError::Full { message: message.clone(), max_send_buffer: 1 });
        exhibition.error(&NotText(message.clone()));
        exhibition.error(&message.as_json::<u32>().unwrap_err());
        exhibition.error(&SendError::Closed(Some(message)));
    }
    let opcodes = [(1, TEXT.as_bytes()), (2, BINARY), (9, PING.as_bytes()), (10, PING.as_bytes()), (8, &[])];
    for (opcode, payload) in opcodes {
        let mut client = received(&frame(opcode, payload));
        exhibition.debug(&client);
        exhibition.debug(&client.poll_event().unwrap().unwrap());
        exhibition.debug(client.outbound());
    }
    let mut client = received(&frame(1, TEXT.as_bytes()));
    client.receive_chunks(true);
    let Ok(DataPoll::Chunk(chunk)) = client.poll_data() else { panic!("a chunk was received") };
    exhibition.debug(&chunk);
    exhibition.both(&Event::Chunk(chunk.clone()));
    exhibition.debug(&DataPoll::Chunk(chunk));
    exhibition.both(&Event::Pong { payload: Bytes::from_static(BINARY), round_trip: None });
    exhibition.both(&close_frame());
    exhibition.both(&Event::Closing(close_frame()));
    exhibition.both(&Event::Closed(closed()));
    exhibition.both(&closed());
    exhibition.debug(&ForEachEnd::Closed(closed()));
    let error = illegal_close();
    exhibition.error(&error);
    let Error::Violation(violation) = error else { panic!("{error}") };
    exhibition.error(&violation);
    exhibition.both(violation.close().unwrap());
    exhibition.both(&violation.kind);
    exhibition
        .debug(&Header::decode(&frame(1, TEXT.as_bytes()), Rules { sender: Role::Server, rsv1: false }));
    exhibition.debug(&Header::data(Opcode::Text, true, None, 1).unwrap());
    exhibition.both(&MessageRef::Text(TEXT));
    exhibition.debug(&MessageKind::Text);
}

pub(crate) fn exhibit(exhibition: &mut Exhibition) {
    handshakes(exhibition);
    handshake_failures(exhibition);
    connections(exhibition);
}
