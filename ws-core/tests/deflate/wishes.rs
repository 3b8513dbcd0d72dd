//! A client that asks the server for less memory, and a server that does not listen.

use ws_core::{
    ClientHandshake, ClientRequest, Config, Connection, Deflate, Event, Machine, Message, Random, Role,
    ViolationKind,
};

use crate::agreed::negotiate;
use crate::inflating::COMPRESSED;
use crate::support::*;

fn wish() -> Deflate {
    Deflate::default().server_max_window_bits(9).server_context_takeover(false)
}

/// A client whose server has accepted the offer, and repeated nothing of it.
fn unheard() -> Connection {
    let agreed = wish().confirm(["permessage-deflate"]).unwrap().unwrap();
    open(Role::Client, &quiet()).with_deflate(agreed)
}

#[test]
fn messages_that_refer_far_back_are_inflated() {
    let mut client = unheard();
    let (_, accepted) = negotiate(&Deflate::default(), &Deflate::default());
    let mut server = open(Role::Server, &quiet()).with_deflate(accepted);
    // Bytes that do not repeat within 20 000, and the second message is the first again: it refers to the whole of it.
    let mut random = Random::from_seed([5; 32]);
    let noise: Vec<u8> = (0..2500).flat_map(|_| random.next_u64().to_ne_bytes()).collect();
    for n in 0..3 {
        server.send(noise.clone()).unwrap();
        let bytes = write(&mut server, at(1));
        assert!(n == 0 || bytes.len() < 1000, "{} bytes refer to the message before", bytes.len());
        feed(&mut client, &bytes, at(1));
        assert_eq!(client.poll_event().unwrap(), Some(Event::Message(Message::from(noise.clone()))));
    }
}

#[test]
fn a_message_that_does_not_inflate_is_blamed_on_the_wish_only_if_that_was_not_met() {
    let (met, _) = negotiate(&wish(), &Deflate::default());
    for (mut client, kind, says) in [
        (unheard(), ViolationKind::UnconfirmedDeflate, true),
        (open(Role::Client, &quiet()).with_deflate(met), ViolationKind::InvalidDeflate, false),
    ] {
        feed(&mut client, &frame(Role::Server, COMPRESSED, &[0x06]), at(1));
        match client.poll_event() {
            Err(ws_core::Error::Violation(violation)) => {
                assert_eq!((violation.kind, u16::from(violation.code())), (kind, 1007));
                assert_eq!(violation.to_string().contains("server_max_window_bits"), says, "{violation}");
            }
            other => panic!("{other:?}"),
        }
    }
}

/// Such as nhooyr: it refuses the whole handshake.
#[test]
fn a_refusal_with_400_names_the_parameters_that_were_offered_and_their_settings() {
    let refused = |config: Config, status: &str| {
        let request = ClientRequest::new("a", "/").unwrap();
        let mut client = ClientHandshake::new(&request, config, Random::from_seed([1; 32]), at(10));
        feed(&mut client, format!("HTTP/1.1 {status}\r\nContent-Length: 2\r\n\r\nno").as_bytes(), at(1));
        client.poll_event().unwrap_err().to_string()
    };
    let bits = Deflate::default().server_max_window_bits(9);
    for (config, status, wishes) in [
        (
            quiet().deflate(bits),
            "400 Bad Request",
            Some(["server_max_window_bits", "setting `server_max_window_bits`"]),
        ),
        (
            quiet().deflate(wish()),
            "400 Bad Request",
            Some([
                "server_no_context_takeover and server_max_window_bits",
                "setting `server_context_takeover(false)` and `server_max_window_bits`",
            ]),
        ),
        (quiet().deflate(bits), "403 Forbidden", None),
        (quiet().deflate(Deflate::default()), "400 Bad Request", None),
        (quiet(), "400 Bad Request", None),
    ] {
        let error = refused(config, status);
        assert!(error.starts_with(&format!("the server answered {status} instead of 101: no")), "{error}");
        match wishes {
            Some([parameters, settings]) => {
                assert!(error.contains(&format!(" to {parameters} in the offer")), "{error}");
                assert!(error.contains(&format!("without the {settings} of `Deflate`")), "{error}");
            }
            None => assert!(!error.contains("offer"), "{error}"),
        }
    }
}
