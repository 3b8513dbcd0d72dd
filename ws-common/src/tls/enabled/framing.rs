//! Where the records of a stream end.

/// Length of the header of a record: its type, its version, and the length of the rest (RFC 8446 §5.1).
const HEADER: usize = 5;

/// RFC 5246 §6.2.3: the rest of a record is at most this long. TLS 1.3 allows less.
const MAX_REST: usize = (1 << 14) + 2048;

/// Number of bytes at the beginning that are whole records. All of them, if there is something that cannot be a record: rustls is to
/// say so at once.
pub(super) fn whole_records(ciphertext: &[u8]) -> usize {
    let mut whole = 0;
    while let Some(&[kind, major, _, high, low]) = ciphertext[whole..].first_chunk::<HEADER>() {
        let rest = usize::from(u16::from_be_bytes([high, low]));
        if !matches!(kind, 20..=23) || major != 3 || rest > MAX_REST {
            return ciphertext.len();
        }
        let end = whole + HEADER + rest;
        if end > ciphertext.len() {
            break;
        }
        whole = end;
    }
    whole
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_counts_when_it_is_whole() {
        let records = [&[22, 3, 1, 0, 2, 7, 7][..], &[23, 3, 3, 1, 0], &[7; 256], &[20, 3, 3, 0, 0]].concat();
        let ends = [7, 7 + 261, 7 + 261 + 5];
        for len in 0..=records.len() {
            let expected = ends.into_iter().rfind(|&end| end <= len).unwrap_or(0);
            assert_eq!(whole_records(&records[..len]), expected, "of {len} bytes");
        }
    }

    #[test]
    fn bytes_that_are_no_record_do_not_wait() {
        for header in
            [&b"GET /"[..], &[19, 3, 3, 0, 1], &[24, 3, 3, 0, 1], &[23, 2, 3, 0, 1], &[23, 3, 3, 72, 1]]
        {
            let bytes = [&[23, 3, 3, 0, 1, 7], header, &[7; 3]].concat();
            assert_eq!(whole_records(&bytes), bytes.len(), "{header:?}");
        }
        assert_eq!(whole_records(&[23, 3, 3, 72, 0]), 0, "the longest record");
    }
}
