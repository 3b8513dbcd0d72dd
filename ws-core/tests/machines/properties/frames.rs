//! Facts that hold for the header of any frame.

use proptest::collection::vec;
use proptest::prelude::*;
use ws_core::Role;
use ws_core::frame::{Header, Opcode, Rules};

use super::strategies::any_role;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn a_header_that_is_written_is_read_back(
        opcode in 0..3usize, fin in any::<bool>(), mask in any::<Option<[u8; 4]>>(),
        len in prop_oneof![0..300u64, 65000..66000u64, 0..=i64::MAX as u64], control in 0..4usize,
    ) {
        let header = match control {
            1 => Header::control(Opcode::Close, mask, len as usize),
            2 => Header::control(Opcode::Ping, mask, len as usize),
            3 => Header::control(Opcode::Pong, mask, len as usize),
            _ => Header::data([Opcode::Continuation, Opcode::Text, Opcode::Binary][opcode], fin, mask, len),
        };
        let Some(header) = header else {
            prop_assert!(control > 0 && len > 125);
            return Ok(());
        };
        let (bytes, n) = header.encode();
        let sender = if mask.is_some() { Role::Client } else { Role::Server };
        let rules = Rules { sender, rsv1: false };
        prop_assert_eq!(Header::decode(&bytes[..n], rules), Ok(Some((header, n))));
        for cut in 0..n {
            prop_assert_eq!(Header::decode(&bytes[..cut], rules), Ok(None));
        }
        let wrong_way = Rules { sender: sender.peer(), rsv1: false };
        prop_assert!(Header::decode(&bytes[..n], wrong_way).is_err());
    }

    #[test]
    fn any_bytes_are_a_header_or_the_same_violation_from_some_byte_on(
        bytes in vec(prop_oneof![Just(0x81), Just(0x88), Just(126), Just(127), Just(255), Just(0), any::<u8>()], 0..16),
        sender in any_role(), rsv1 in any::<bool>(),
    ) {
        let rules = Rules { sender, rsv1 };
        let whole = Header::decode(&bytes, rules);
        for cut in 0..bytes.len() {
            let part = Header::decode(&bytes[..cut], rules);
            prop_assert!(part == Ok(None) || part == whole, "{:?} of {} bytes, then {:?}", part, cut, whole);
        }
        if let Ok(Some((header, n))) = whole {
            let (encoded, len) = header.encode();
            prop_assert_eq!(&encoded[..len], &bytes[..n]);
        }
        if bytes.len() >= Header::MAX_LEN {
            prop_assert_ne!(whole, Ok(None));
        }
    }
}
