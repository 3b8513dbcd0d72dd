//! Whatever stands in `Sec-WebSocket-Extensions`: a server's answer is an answer to an offer, and a client takes no other.
#![no_main]

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use ws_core::Deflate;

#[derive(Arbitrary, Debug)]
struct Settings {
    server_context_takeover: bool,
    client_context_takeover: bool,
    server_max_window_bits: u8,
    client_max_window_bits: Option<u8>,
}

impl Settings {
    fn deflate(&self) -> Deflate {
        Deflate::default()
            .server_context_takeover(self.server_context_takeover)
            .client_context_takeover(self.client_context_takeover)
            .server_max_window_bits(self.server_max_window_bits % 18)
            .client_max_window_bits(self.client_max_window_bits.map(|bits| bits % 18))
    }
}

/// Any text, and text that is mostly right.
#[derive(Arbitrary, Debug)]
enum Value<'a> {
    Any(&'a str),
    Parameters(Vec<(u8, Option<u8>, bool)>),
}

impl Value<'_> {
    fn text(&self) -> String {
        match self {
            Self::Any(text) => (*text).into(),
            Self::Parameters(parameters) => {
                let mut text = String::from("permessage-deflate");
                for (name, value, quoted) in parameters {
                    text.push_str(match name % 6 {
                        0 => "; server_no_context_takeover",
                        1 => "; client_no_context_takeover",
                        2 => ";server_max_window_bits",
                        3 => "; client_max_window_bits",
                        4 => "; other",
                        _ => ", permessage-deflate",
                    });
                    match value.map(|value| value % 20) {
                        None => {}
                        Some(value) if *quoted => text.push_str(&format!("=\"{value}\"")),
                        Some(value) => text.push_str(&format!("={value}")),
                    }
                }
                text
            }
        }
    }
}

fuzz_target!(|input: (Settings, Settings, Vec<Value<'_>>)| {
    let (client, server, values) = input;
    let (client, server) = (client.deflate(), server.deflate());
    let values: Vec<String> = values.iter().map(Value::text).collect();
    let values = || values.iter().map(|value| &**value);

    // What is no list to one is none to the other.
    let (accepted, confirmed) = (server.accept(values()), client.confirm(values()));
    assert!(accepted.is_ok() || confirmed.is_err());
    if let Ok(Some(agreed)) = accepted {
        assert!(agreed.server_max_window_bits() >= 8 && agreed.client_max_window_bits() >= 8);
        // An answer is a legal response, and one to an offer that leaves everything open.
        let open = Deflate::default().confirm([&*agreed.to_string()]);
        assert_eq!(open.unwrap().unwrap().to_string(), agreed.to_string());
    }
    if let Ok(Some(agreed)) = confirmed {
        assert_eq!(client.confirm([&*agreed.to_string()]).unwrap().unwrap().to_string(), agreed.to_string());
    }

    // What our client offers, our server accepts unless it must limit a client that cannot be; and then both see the same.
    assert_eq!(client.to_string().parse(), Ok(client));
    if let Some(agreed) = server.accept([&*client.to_string()]).unwrap() {
        let confirmed = client.confirm([&*agreed.to_string()]).unwrap().unwrap();
        assert_eq!(confirmed.to_string(), agreed.to_string());
    }
});
