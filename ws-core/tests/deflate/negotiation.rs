//! Who agrees to what (RFC 7692 §5 and §7.1).

use ws_core::Deflate;

fn deflate() -> Deflate {
    Deflate::default()
}

/// What a server with these settings answers to these header fields; `None` if it declines.
fn answer(server: &Deflate, offers: &[&str]) -> Option<String> {
    server.accept(offers.iter().copied()).unwrap().map(|negotiated| negotiated.to_string())
}

/// An offer with these parameters.
fn with(parameters: &str) -> String {
    format!("permessage-deflate{parameters}")
}

#[test]
fn settings_are_the_offer_as_text_and_back() {
    for (settings, text) in [
        (deflate(), "; client_max_window_bits"),
        (deflate().client_max_window_bits(None), ""),
        (deflate().client_max_window_bits(12), "; client_max_window_bits=12"),
        (deflate().client_max_window_bits(8), "; client_max_window_bits=8"),
        (deflate().server_max_window_bits(9).client_max_window_bits(None), "; server_max_window_bits=9"),
        (
            deflate().server_context_takeover(false).client_context_takeover(false),
            "; server_no_context_takeover; client_no_context_takeover; client_max_window_bits",
        ),
    ] {
        assert_eq!(settings.to_string(), with(text));
        assert_eq!(with(text).parse(), Ok(settings));
    }
    let quoted = " permessage-deflate;client_max_window_bits = \"1\\0\" ; server_max_window_bits=15 ";
    assert_eq!(quoted.parse(), Ok(deflate().client_max_window_bits(10)));
    for (bits, nearest) in [(0, 8), (7, 8), (16, 15), (255, 15)] {
        assert_eq!(deflate().server_max_window_bits(bits), deflate().server_max_window_bits(nearest));
        assert_eq!(deflate().client_max_window_bits(bits), deflate().client_max_window_bits(nearest));
    }
    assert_eq!(deflate().level(10), deflate().level(9));
}

/// Parameters that no offer and no response may have.
const NEVER: [&str; 28] = [
    "; server_no_context_takeover=1",
    "; server_no_context_takeover=\"true\"",
    "; client_no_context_takeover=true",
    "; server_max_window_bits",
    "; server_max_window_bits=7",
    "; server_max_window_bits=16",
    "; server_max_window_bits=0",
    "; server_max_window_bits=08",
    "; server_max_window_bits=010",
    "; server_max_window_bits=+9",
    "; server_max_window_bits=-9",
    "; server_max_window_bits=9.0",
    "; server_max_window_bits=x",
    "; server_max_window_bits=4294967304",
    "; server_max_window_bits=\"16\"",
    "; client_max_window_bits=7",
    "; client_max_window_bits=16",
    "; client_max_window_bits=09",
    "; client_max_window_bits=\"015\"",
    "; client_max_window_bits=true",
    "; unknown",
    "; unknown=1",
    "; Server_no_context_takeover",
    "; server_no_context_takeover; server_no_context_takeover",
    "; client_no_context_takeover; client_no_context_takeover",
    "; server_max_window_bits=10; server_max_window_bits=10",
    "; client_max_window_bits; client_max_window_bits=10",
    "; client_max_window_bits=10; client_max_window_bits=10",
];

#[test]
fn an_offer_that_is_not_legal_is_declined_and_the_next_one_is_tried() {
    for parameters in NEVER {
        let offer = with(parameters);
        assert_eq!(answer(&deflate(), &[&offer]), None, "{offer}");
        let fallback = "permessage-deflate; server_max_window_bits=11";
        assert_eq!(answer(&deflate(), &[&offer, fallback]).as_deref(), Some(fallback), "{offer}");
        let list = format!("{offer}, x-other, {fallback}");
        assert_eq!(answer(&deflate(), &[&list]).as_deref(), Some(fallback), "{offer}");
        assert!(offer.parse::<Deflate>().is_err(), "{offer}");
        let error = deflate().confirm([&*offer]).unwrap_err();
        assert!(error.to_string().contains(" is wrong: "), "{error}");
    }
}

#[test]
fn a_list_that_is_none_fails_the_handshake() {
    for value in [
        ";",
        "permessage-deflate;",
        "permessage-deflate; =1",
        "permessage-deflate client_max_window_bits",
        "a=1",
    ] {
        assert!(deflate().accept([value]).is_err(), "{value}");
        assert!(deflate().accept(["permessage-deflate", value]).is_err(), "{value}");
        assert!(deflate().confirm([value]).is_err(), "{value}");
        assert!(value.parse::<Deflate>().is_err(), "{value}");
    }
    for text in ["", "x-other", "permessage-deflate, permessage-deflate"] {
        assert!(text.parse::<Deflate>().is_err(), "{text:?}");
    }
}

#[test]
fn a_server_accepts_the_first_offer_that_fits_its_settings() {
    let d = deflate();
    let no_server = d.server_context_takeover(false);
    let no_client = d.client_context_takeover(false);
    for (server, offer, expected) in [
        (d, "", Some("")),
        (d, "; client_max_window_bits", Some("")),
        (d, "; client_max_window_bits=15", Some("")),
        (d, "; client_max_window_bits=10", Some("; client_max_window_bits=10")),
        (d, "; client_max_window_bits=\"10\"", Some("; client_max_window_bits=10")),
        (d, "; client_max_window_bits=8", Some("; client_max_window_bits=8")),
        (d, "; server_max_window_bits=15", Some("; server_max_window_bits=15")),
        (d, "; server_max_window_bits=8", Some("; server_max_window_bits=8")),
        (d, "; server_no_context_takeover", Some("; server_no_context_takeover")),
        (d, "; client_no_context_takeover", Some("; client_no_context_takeover")),
        (no_server, "", Some("; server_no_context_takeover")),
        (no_client, "", Some("; client_no_context_takeover")),
        (no_client, "; client_no_context_takeover", Some("; client_no_context_takeover")),
        (d.server_max_window_bits(11), "", Some("; server_max_window_bits=11")),
        (d.server_max_window_bits(11), "; server_max_window_bits=12", Some("; server_max_window_bits=11")),
        (d.server_max_window_bits(11), "; server_max_window_bits=10", Some("; server_max_window_bits=10")),
        (d.client_max_window_bits(11), "; client_max_window_bits", Some("; client_max_window_bits=11")),
        (d.client_max_window_bits(11), "; client_max_window_bits=15", Some("; client_max_window_bits=11")),
        (d.client_max_window_bits(11), "; client_max_window_bits=9", Some("; client_max_window_bits=9")),
        // RFC 7692 §7.1.2.2: who does not offer it must not be limited.
        (d.client_max_window_bits(11), "", None),
        (
            d.client_max_window_bits(11),
            ", permessage-deflate; client_max_window_bits; server_no_context_takeover",
            Some("; server_no_context_takeover; client_max_window_bits=11"),
        ),
        (d, ", permessage-deflate; server_max_window_bits=10", Some("")),
    ] {
        assert_eq!(answer(&server, &[&with(offer)]), expected.map(with), "{server} to {offer}");
    }
    for offers in [&[][..], &[""], &["x-webkit-deflate-frame"], &["permessage-bzip2; x=\"1\"", "foo"]] {
        assert_eq!(answer(&deflate(), offers), None, "{offers:?}");
    }
}

#[test]
fn a_client_takes_only_an_answer_to_its_offer() {
    let d = deflate();
    let plain = d.client_max_window_bits(None);
    let no_server = d.server_context_takeover(false);
    let no_client = d.client_context_takeover(false);
    for (client, response, is_right) in [
        (d, "", true),
        (d, "; client_max_window_bits=8", true),
        (d, "; client_max_window_bits=15", true),
        (d, "; client_max_window_bits=\"12\"", true),
        (d, "; client_max_window_bits", false),
        (plain, "; client_max_window_bits=15", false),
        (plain, "; client_max_window_bits", false),
        (plain, "", true),
        (d.client_max_window_bits(10), "", true),
        (d.client_max_window_bits(10), "; client_max_window_bits=10", true),
        (d.client_max_window_bits(10), "; client_max_window_bits=9", true),
        (d.client_max_window_bits(10), "; client_max_window_bits=11", false),
        // §7.1.1: these may come without having been offered.
        (d, "; server_no_context_takeover", true),
        (d, "; client_no_context_takeover", true),
        (d, "; server_max_window_bits=8", true),
        (d, "; server_max_window_bits=15", true),
        (d.server_max_window_bits(10), "; server_max_window_bits=10", true),
        (d.server_max_window_bits(10), "; server_max_window_bits=8", true),
        (d.server_max_window_bits(10), "; server_max_window_bits=11", true),
        (d.server_max_window_bits(10), "", true),
        (no_server, "; server_no_context_takeover", true),
        (no_server, "", true),
        (no_client, "", true),
        (no_client, "; client_no_context_takeover", true),
        (d, ", permessage-deflate", false),
        (d, ", x-other", false),
    ] {
        let confirmed = client.confirm([&*with(response)]);
        assert_eq!(confirmed.is_ok(), is_right, "{client} answered by {response}: {confirmed:?}");
    }
    assert_eq!(d.confirm([]), Ok(None));
    assert!(d.confirm(["permessage-deflate", "permessage-deflate"]).is_err());
    assert!(d.confirm(["x-webkit-deflate-frame"]).is_err());
}

/// Many servers accept the offer and do not repeat these parameters.
#[test]
fn a_wish_of_the_client_is_no_condition_and_what_was_agreed_is_told() {
    let wish = deflate().server_max_window_bits(10).server_context_takeover(false);
    for (response, bits, takeover) in [
        ("", 15, true),
        ("; server_max_window_bits=15", 15, true),
        ("; server_max_window_bits=12", 12, true),
        ("; server_no_context_takeover", 15, false),
        ("; server_no_context_takeover; server_max_window_bits=9", 9, false),
    ] {
        let agreed = wish.confirm([&*with(response)]).unwrap().unwrap();
        assert_eq!(agreed.to_string(), with(response));
        assert_eq!((agreed.server_max_window_bits(), agreed.server_context_takeover()), (bits, takeover));
    }
}

#[test]
fn a_client_that_cannot_do_without_says_so_and_the_error_claims_nothing_that_is_not_there() {
    let bits = deflate().server_max_window_bits(10).require_server_max_window_bits(true);
    let fresh = deflate().server_context_takeover(false).require_server_no_context_takeover(true);
    for (client, response, expected) in [
        (bits, "", "\"server_max_window_bits\" is missing: `require_server_max_window_bits` is set"),
        (
            bits,
            "; server_max_window_bits=11",
            "\"server_max_window_bits=11\" is wrong: it is more than was offered, and \
             `require_server_max_window_bits` is set",
        ),
        (fresh, "", "\"server_no_context_takeover\" is missing: `require_server_no_context_takeover` is set"),
    ] {
        assert_eq!(client.confirm([&*with(response)]).unwrap_err().to_string(), expected);
    }
    assert!(bits.confirm([&*with("; server_max_window_bits=10")]).is_ok());
    assert!(fresh.confirm([&*with("; server_no_context_takeover")]).is_ok());
    // There is nothing to require.
    assert!(deflate().require_server_max_window_bits(true).confirm([&*with("")]).is_ok());
    assert!(deflate().require_server_no_context_takeover(true).confirm([&*with("")]).is_ok());
}

#[test]
fn both_ends_see_the_same_agreement() {
    for server_bits in 8..=15 {
        for client_bits in 8..=15 {
            for flags in 0..16 {
                let is = |bit: u8| flags & bit != 0;
                let client = deflate()
                    .server_max_window_bits(server_bits)
                    .client_max_window_bits(client_bits)
                    .server_context_takeover(is(1))
                    .client_context_takeover(is(2));
                let server = deflate()
                    .server_max_window_bits(client_bits)
                    .client_max_window_bits(server_bits)
                    .server_context_takeover(is(4))
                    .client_context_takeover(is(8));
                let (confirmed, accepted) = crate::agreed::negotiate(&client, &server);
                assert_eq!(confirmed.to_string(), accepted.to_string());
                for agreed in [confirmed, accepted] {
                    assert_eq!(agreed.server_max_window_bits(), server_bits.min(client_bits));
                    assert_eq!(agreed.client_max_window_bits(), server_bits.min(client_bits));
                    assert_eq!(agreed.server_context_takeover(), is(1) && is(4));
                    assert_eq!(agreed.client_context_takeover(), is(2) && is(8));
                }
            }
        }
    }
}
