//! Messages as a program makes them, looks at them and shows them.

use std::borrow::Cow;

use ws_core::bytes::{Bytes, BytesMut};
use ws_core::bytestring::ByteString;
use ws_core::{Message, MessageRef, NotText};

fn text(text: &str) -> Message {
    Message::Text(text.into())
}

fn binary(bytes: &[u8]) -> Message {
    Message::Binary(Bytes::copy_from_slice(bytes))
}

/// Such as `send` of every adapter.
fn send(message: impl Into<Message>) -> Message {
    message.into()
}

#[test]
fn every_common_type_can_be_sent_whatever_its_lifetime() {
    let line = String::from(" hello\n");
    let trimmed = line.trim().to_owned();
    for sent in [
        send(line.trim()),
        send(&trimmed),
        send(trimmed.clone()),
        send(Cow::Borrowed(line.trim())),
        send(Box::<str>::from(line.trim())),
        send(ByteString::from(line.trim())),
        send(MessageRef::Text(line.trim())),
        Message::text(line.trim()),
        Message::from_static("hello"),
    ] {
        assert_eq!(sent, text("hello"));
    }
    let buffer = [1, 2, 3, 4];
    let owned = vec![1, 2, 3];
    for sent in [
        send(&buffer[..3]),
        send(b"\x01\x02\x03"),
        send(&owned),
        send(owned.clone()),
        send(Box::<[u8]>::from(&buffer[..3])),
        send(Bytes::copy_from_slice(&buffer[..3])),
        send(BytesMut::from(&buffer[..3])),
        send(MessageRef::Binary(&buffer[..3])),
        Message::binary(&buffer[..3]),
        Message::binary("\x01\x02\x03"),
        Message::from_static_bytes(&[1, 2, 3]),
    ] {
        assert_eq!(sent, binary(&[1, 2, 3]));
    }
}

#[test]
fn what_is_static_or_owned_is_not_copied() {
    static TEXT: &str = "a text that lives as long as the program";
    const GREETING: Message = Message::from_static(TEXT);
    assert_eq!(GREETING.as_bytes().as_ptr(), TEXT.as_ptr());
    assert_eq!(Message::from_static_bytes(TEXT.as_bytes()).as_bytes().as_ptr(), TEXT.as_ptr());

    let owned = vec![7; 4096];
    let place = owned.as_ptr();
    assert_eq!(send(owned).as_bytes().as_ptr(), place);
    let shared = Bytes::from(vec![7; 4096]);
    assert_eq!(Message::binary(shared.clone()).into_bytes().as_ptr(), shared.as_ptr());
}

#[test]
fn a_text_message_becomes_a_text_and_a_binary_one_is_handed_back() {
    assert_eq!(text("hello").into_text().unwrap(), "hello");
    assert_eq!(String::try_from(text("hello")).unwrap(), "hello");
    assert_eq!(ByteString::try_from(text("hello")).unwrap(), "hello");
    let error = String::try_from(binary(&[1, 2, 3])).unwrap_err();
    assert_eq!(error.to_string(), "a binary message of 3 bytes is no text");
    let NotText(message) = error;
    assert_eq!(message, binary(&[1, 2, 3]));
    for message in [text("hello"), binary(b"hello")] {
        assert_eq!(Bytes::from(message.clone()), "hello");
        assert_eq!(Vec::from(message), b"hello");
    }
}

#[test]
fn a_message_equals_a_text_or_bytes_of_its_own_type() {
    let (said, sent) = (text("hello"), binary(b"hello"));
    assert_eq!(said, "hello");
    assert_eq!(said, *"hello");
    assert_eq!(said, String::from("hello"));
    assert_eq!("hello", said);
    assert_eq!(said.as_ref(), "hello");
    assert_eq!(sent, b"hello");
    assert_eq!(sent, *b"hello");
    assert_eq!(sent, b"hello"[..]);
    assert_eq!(sent, &b"hello"[..]);
    assert_eq!(sent, b"hello".to_vec());
    assert_eq!(b"hello"[..], sent);
    assert_ne!(said, "hell");
    assert_ne!(said, b"hello");
    assert_ne!(sent, "hello");
}

#[test]
fn a_message_is_shown_by_its_beginning_and_its_length() {
    for (message, shown) in [
        (text(""), "\"\""),
        (text("hello"), "\"hello\""),
        (text("a\nb"), "\"a\\nb\""),
        (text("12345678"), "\"12345678\""),
        (text("123456789"), "\"12345678\"… of 9 bytes"),
        (text(&"ä".repeat(1 << 20)), "\"ääääääää\"… of 2097152 bytes"),
        (binary(b""), "0 bytes"),
        (binary(b"x"), "1 byte"),
        (binary(&[0; 5000]), "5000 bytes"),
    ] {
        assert_eq!(message.to_string(), shown);
        assert_eq!(message.as_ref().to_string(), shown);
    }
}
