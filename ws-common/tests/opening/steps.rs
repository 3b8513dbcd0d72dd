//! A hook decides on each step of a redirect.

use std::sync::{Arc, Mutex};

use ws_common::redirect::{RedirectDecision, RedirectRefusal, RedirectStep};
use ws_common::session::{ClientError, ClientEvent};
use ws_common::{ConnectError, ConnectOptions, connector::Route};

use crate::far::Far;
use crate::life::{Life, client};
use crate::support::{WHOLE, address, checked, failed, opening, options};

const REFUSED: [&str; 3] = ["connected", "error handshake", "closed 1006 broken us"];

type Seen = Arc<Mutex<Vec<String>>>;

/// Follows these redirects as the hook says. Gives the steps that it was asked about.
fn follow(
    url: &str,
    locations: &'static [&'static str],
    decide: impl Fn(&RedirectStep<'_>) -> RedirectDecision + Send + Sync + 'static,
) -> (Life, Vec<String>) {
    let seen = Seen::default();
    let told = seen.clone();
    let builder = client(url).header("Cookie", "secret").max_redirects(3).on_redirect(move |step| {
        told.lock().unwrap().push(format!("{} {} {}", step.status, step.from.reveal(), step.to.reveal()));
        decide(step)
    });
    let mut life = Life::new(builder, move |n| {
        Some(locations.get(n).map_or_else(Far::plain, |location| Far::plain().redirect(location)))
    });
    life.names = vec![("private.test", vec![[10, 0, 0, 1].into()])];
    life.settle();
    let seen = std::mem::take(&mut *seen.lock().unwrap());
    (life, seen)
}

#[test]
fn it_sees_both_ends_and_the_status_of_each_step() {
    let locations = &["/b?c", "ws://me:secret@other.test/d"];
    let (mut life, seen) = follow("ws://server.test/a?b", locations, |step| {
        // User name and password of the `Location` are gone.
        assert_eq!(*step.to, step.to.reveal().to_string().parse().unwrap());
        RedirectDecision::Follow
    });
    assert_eq!(life.trace(), ["connected", "connected", "connected", "open"]);
    let first = "302 ws://server.test/a?b ws://server.test/b?c";
    assert_eq!(seen, [first, "302 ws://server.test/b?c ws://other.test/d"]);
    // A step that it allows takes no more along than any other.
    assert_eq!(life.fars[1].server.header("Cookie"), Some("secret"));
    assert_eq!(life.fars[2].server.header("Cookie"), None);
}

#[test]
fn it_refuses_a_step_before_anything_is_resolved_or_dialed() {
    let (mut life, seen) = follow("ws://server.test/a", &["ws://other.test/b"], |step| {
        assert_eq!(step.to.host_field(), "other.test");
        RedirectDecision::Refuse("not there".into())
    });
    assert_eq!(life.trace(), REFUSED);
    assert_eq!((seen.len(), life.fars.len()), (1, 1));
    assert!(life.steps.iter().all(|step| !step.contains("other.test")), "{:?}", life.steps);
}

#[test]
fn a_private_address_needs_a_permission_of_its_own() {
    for location in [&["ws://10.0.0.9/"], &["ws://private.test/"]] {
        let (mut life, seen) = follow("ws://server.test", location, |_| RedirectDecision::Follow);
        assert_eq!((life.trace(), seen.len()), (REFUSED.map(String::from).to_vec(), 1), "{location:?}");
        let (mut life, _) = follow("ws://server.test", location, |_| RedirectDecision::FollowAnywhere);
        assert_eq!(life.trace(), ["connected", "connected", "open"], "{location:?}");
    }
    // The permission is for one step.
    let locations = &["ws://10.0.0.9/", "ws://192.0.2.7/", "ws://10.0.0.9/"];
    let (mut life, seen) = follow("ws://server.test", locations, |step| {
        if step.from.host_field() == "server.test" {
            RedirectDecision::FollowAnywhere
        } else {
            RedirectDecision::Follow
        }
    });
    assert_eq!(
        (life.trace()[3..].to_vec(), seen.len()),
        (REFUSED[1..].iter().map(|&s| s.into()).collect(), 3)
    );
}

#[test]
fn it_is_not_asked_about_a_step_that_is_not_allowed() {
    for locations in [&["ftp://server.test/"][..], &["ws://0.0.0.0/"], &["/b", "/c", "/d", "/e"]] {
        let (mut life, seen) = follow("ws://server.test", locations, |_| RedirectDecision::FollowAnywhere);
        let steps = locations.len() - 1;
        assert_eq!(seen.len(), steps, "{locations:?}");
        assert_eq!(life.trace().last().unwrap(), "closed 1006 broken peer");
    }
}

#[test]
fn a_client_that_is_closed_while_the_hook_decides_does_not_go_on() {
    use ws_common::session::Action;
    use ws_core::{Instant, Machine};
    let seed = || ws_core::Random::from_seed([7; 32]);
    for wants_more in [false, true] {
        let builder = client("ws://server.test").max_redirects(1).on_redirect(|_| RedirectDecision::Follow);
        let mut session = builder.session(seed()).unwrap();
        let question = loop {
            match session.poll_action() {
                Some(Action::Ask(question)) => break question,
                Some(Action::Open(options)) => {
                    let (route, peer) = (Route::direct(options.target()), address("192.0.2.1:80"));
                    assert!(session.opened(&route, peer, peer, seed(), Instant::EPOCH));
                    let response = b"HTTP/1.1 302 Found\r\nLocation: /b\r\nContent-Length: 0\r\n\r\n";
                    session.inbound().extend_from_slice(response);
                    session.handle_read(response.len(), Instant::EPOCH);
                }
                Some(_) => {}
                None => {
                    session.handle_timeout(Instant::EPOCH);
                    while let Ok(Some(_)) = session.poll_event() {}
                }
            }
        };
        if wants_more {
            session.reconnect_after(std::time::Duration::from_secs(1), Instant::EPOCH);
        } else {
            session.abort(Instant::EPOCH);
        }
        assert!(session.answer(question.ask(), Instant::EPOCH).is_none());
        let mut ends = 0;
        while let Ok(Some(event)) = session.poll_event() {
            ends += usize::from(matches!(event, ClientEvent::Closed(_)));
        }
        assert_eq!((ends, session.is_over()), (usize::from(!wants_more), !wants_more));
    }
}

/// One attempt without a session, as a one-shot `connect` makes it.
fn one_shot(options: &ConnectOptions, location: &str) -> Result<ConnectOptions, ConnectError> {
    let mut far = Far::plain().redirect(location);
    let error = failed(&mut opening(options), &mut far, WHOLE);
    let options = checked(options);
    options.follow(error, &Route::direct(options.target()), address("192.0.2.1:80")).map(ConnectOptions::from)
}

#[test]
fn a_refusal_names_both_ends_without_their_queries() {
    let options = options("ws://me:pass-secret@server.test/a?token=a-secret").max_redirects(2);
    let hooked = options.clone().on_redirect(|_| RedirectDecision::Refuse("not\nthere".into()));
    for (options, location, to, reason) in [
        (&hooked, "ws://other.test/b?token=b-secret", "ws://other.test/b?…", "not there"),
        (
            &options,
            "ws://10.0.0.9/b?token=b-secret",
            "ws://10.0.0.9/b?…",
            "10.0.0.9 is not a public address; ",
        ),
    ] {
        let error = one_shot(options, location).unwrap_err();
        let text = error.to_string();
        let expected = format!("the redirect (302) from ws://server.test/a?… to {to} is refused: {reason}");
        assert!(text.starts_with(&expected), "{text}");
        crate::support::check_text(&error);
        let ConnectError::Redirect(refused) = &error else { panic!("{error:?}") };
        assert!(
            matches!(&refused.reason, RedirectRefusal::Hook(text) if text == "not\nthere")
                || matches!(refused.reason, RedirectRefusal::Private(_))
        );
        assert_eq!(refused.to.path_and_query(), "/b?token=b-secret");
        crate::support::check_text(&ClientError::Connect(error));
    }
    // The allowance falls with each step.
    let next = one_shot(&options, "/b").unwrap();
    let last = one_shot(&next, "/c").unwrap();
    assert!(matches!(one_shot(&last, "/d"), Err(ConnectError::Handshake { .. })));
}
