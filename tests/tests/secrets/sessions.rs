//! The client that stays connected, and its events.

use std::pin::Pin;
use std::sync::Mutex;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use ws_common::connector::Route;
use ws_common::connector::SuppliedTransport;
use ws_common::reconnect::{Reconnect, RetryDecision};
use ws_common::session::{
    Action, Asked, Attempt, ClientBuilder, ClientEvent, ConfirmError, Mark, Question, Session,
};
use ws_common::{ConnectorError, PrepareError};
use ws_core::bytes::Buf;
use ws_core::{Accept, Config, Machine, ServerHandshake};

use crate::common::{address, options};
use crate::core::{NOW, feed, random, redirect, said};
use crate::exhibition::Exhibition;
use crate::planted::{BINARY, COOKIE, HEADER, PASSWORD, PING, QUERY, SET_COOKIE, SUBPROTOCOL, TEXT, USER};

/// The last attempt that was prepared.
static ATTEMPT: Mutex<Option<Attempt>> = Mutex::new(None);

fn session() -> Session {
    let url = format!("ws://{USER}:{PASSWORD}@192.0.2.1/feed?token={QUERY}");
    ClientBuilder::<Session>::new(&url)
        .header("Cookie", COOKIE)
        .header("X-Token", HEADER)
        .subprotocol(SUBPROTOCOL)
        .reconnect(Reconnect::backoff().decide(|_| Some(RetryDecision::Stop)))
        .prepare_async(async |attempt, options| {
            *ATTEMPT.lock().unwrap() = Some(attempt);
            Ok(options)
        })
        .session(random())
        .unwrap()
}

fn ask(exhibition: &mut Exhibition, session: &mut Session, question: Question) {
    exhibition.debug(&question);
    let asked = question.start();
    exhibition.debug(&asked);
    let answer = match asked {
        Asked::Answered(answer) => answer,
        Asked::Pending(mut pending) => {
            exhibition.debug(&pending);
            let polled = Pin::new(&mut pending).poll(&mut Context::from_waker(Waker::noop()));
            exhibition.debug(ATTEMPT.lock().unwrap().as_ref().unwrap());
            let Poll::Ready(answer) = polled else { panic!("the hook does not wait") };
            answer
        }
    };
    exhibition.debug(&answer);
    assert!(session.answer(answer, NOW).is_none());
}

fn events(exhibition: &mut Exhibition, session: &mut Session) {
    while let Ok(Some(event)) = session.poll_event() {
        exhibition.both::<ClientEvent>(&event);
        exhibition.debug(session);
    }
}

/// All that the session asks for, up to a transport.
fn act(exhibition: &mut Exhibition, session: &mut Session) -> bool {
    let mut is_connecting = false;
    while let Some(action) = session.poll_action() {
        exhibition.debug(&action);
        match action {
            Action::Ask(question) => ask(exhibition, session, question),
            Action::Open(options) => {
                is_connecting = true;
                let _ = session.opened(&Route::direct(options.target()), address(), address(), random(), NOW);
            }
            Action::Drop | Action::Reset => {}
        }
        events(exhibition, session);
    }
    is_connecting
}

fn begun(exhibition: &mut Exhibition) -> Session {
    let mut session = session();
    exhibition.debug(&session);
    session.handle_timeout(NOW);
    assert!(act(exhibition, &mut session));
    session
}

/// A client that is answered so, to the end.
pub(crate) fn answered(exhibition: &mut Exhibition, answer: &[u8]) {
    let mut session = begun(exhibition);
    said(&mut session);
    feed(&mut session, answer);
    events(exhibition, &mut session);
    act(exhibition, &mut session);
    events(exhibition, &mut session);
}

/// A client that is open, and receives all that can come.
pub(crate) fn open(exhibition: &mut Exhibition) {
    let mut session = begun(exhibition);
    let mark = Mark::new();
    session.send_marked(TEXT.into(), &mark).unwrap();
    let mut server = ServerHandshake::new(Config::default(), random(), NOW);
    feed(&mut server, &said(&mut session));
    let request = server.poll_event().unwrap().unwrap();
    let accept = Accept::new().first_subprotocol(&request, [SUBPROTOCOL]).header("Set-Cookie", SET_COOKIE);
    let mut server = server.accept(&accept.unwrap(), NOW).unwrap();
    server.send(TEXT).unwrap();
    server.send(BINARY.to_vec()).unwrap();
    server.ping(PING).unwrap();
    feed(&mut session, &said(&mut server));
    events(exhibition, &mut session);
    exhibition.debug(&mark);
    let ticket = session.confirm(Some(&mark));
    exhibition.debug(&ticket);
    if let Ok(ticket) = &ticket {
        exhibition.debug(ticket);
    }
    exhibition.error(&ConfirmError::Lost);
    exhibition.both(&PrepareError::final_error("the account is closed"));
    exhibition.both(&ConnectorError::final_error("there is no feed"));
    exhibition.debug(&SuppliedTransport::default());
    exhibition.debug(&session.stats());
    exhibition.debug(&session.status());
    exhibition.debug(&*session.gauge());
    server.close(crate::core::close_frame(), NOW);
    feed(&mut session, &said(&mut server));
    events(exhibition, &mut session);
    feed(&mut server, &said(&mut session));
    session.handle_read(0, NOW + Duration::from_secs(1));
    events(exhibition, &mut session);
    act(exhibition, &mut session);
    assert!(!session.outbound().has_remaining());
}

pub(crate) fn exhibit(exhibition: &mut Exhibition) {
    answered(exhibition, &redirect());
    open(exhibition);
    exhibition.debug(&Action::Open(Box::new(options("wss").build().unwrap())));
    exhibition.both(&ClientEvent::Ping(PING.into()));
    exhibition.both(&ClientEvent::Pong { payload: PING.into(), round_trip: None });
}
