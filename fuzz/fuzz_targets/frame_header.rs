//! Any bytes are a header, or too few, or the same violation from some byte on; and a header is written as it was read.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ws_core::Role;
use ws_core::frame::{Header, Rules};

fuzz_target!(|input: (bool, bool, &[u8])| {
    let (client, rsv1, bytes) = input;
    let rules = Rules { sender: if client { Role::Client } else { Role::Server }, rsv1 };
    let whole = Header::decode(bytes, rules);
    for n in 0..bytes.len().min(Header::MAX_LEN) {
        let part = Header::decode(&bytes[..n], rules);
        assert!(part == Ok(None) || part == whole, "{part:?} of {n} bytes, {whole:?} of all");
    }
    if bytes.len() >= Header::MAX_LEN {
        assert_ne!(whole, Ok(None));
    }
    if let Ok(Some((header, len))) = whole {
        let (encoded, encoded_len) = header.encode();
        assert_eq!(&encoded[..encoded_len], &bytes[..len]);
    }
});
