//! Conversions into messages, and out of them. Borrowed data is copied; owned data is not.

use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use bytes::{Bytes, BytesMut};
use bytestring::ByteString;

use super::{Message, MessageRef};
use crate::redacted::Length;

impl Message {
    /// A text message of a text that lives as long as the program, without a copy. A text of any other lifetime is copied by
    /// `Message::from`.
    pub const fn from_static(text: &'static str) -> Self {
        Self::Text(ByteString::from_static(text))
    }

    /// A binary message of bytes that live as long as the program, without a copy.
    pub const fn from_static_bytes(bytes: &'static [u8]) -> Self {
        Self::Binary(Bytes::from_static(bytes))
    }

    /// The text, without a copy. An error hands a binary message back.
    pub fn into_text(self) -> Result<ByteString, NotText> {
        match self {
            Self::Text(text) => Ok(text),
            Self::Binary(_) => Err(NotText(self)),
        }
    }
}

/// A binary message where a text was wanted. It hands the message back.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NotText(pub Message);

impl fmt::Display for NotText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a binary message of {} is no text", Length(self.0.len()))
    }
}

impl core::error::Error for NotText {}

/// Types that a message can be made of, and the message that each becomes.
macro_rules! from {
    ($($type:ty, $data:ident => $message:expr;)*) => { $(
        impl From<$type> for Message {
            fn from($data: $type) -> Self {
                $message
            }
        }
    )* };
}

from! {
    &str, text => Self::Text(text.into());
    &String, text => Self::Text(text.as_str().into());
    String, text => Self::Text(text.into());
    Box<str>, text => Self::Text(text.into());
    Cow<'_, str>, text => Self::Text(text.into_owned().into());
    ByteString, text => Self::Text(text);
    &[u8], bytes => Self::Binary(Bytes::copy_from_slice(bytes));
    &Vec<u8>, bytes => Self::Binary(Bytes::copy_from_slice(bytes));
    Vec<u8>, bytes => Self::Binary(bytes.into());
    Box<[u8]>, bytes => Self::Binary(bytes.into());
    BytesMut, bytes => Self::Binary(bytes.freeze());
    Bytes, bytes => Self::Binary(bytes);
}

impl<const N: usize> From<&[u8; N]> for Message {
    fn from(bytes: &[u8; N]) -> Self {
        Self::Binary(Bytes::copy_from_slice(bytes))
    }
}

impl From<MessageRef<'_>> for Message {
    fn from(message: MessageRef<'_>) -> Self {
        match message {
            MessageRef::Text(text) => text.into(),
            MessageRef::Binary(bytes) => bytes.into(),
        }
    }
}

impl TryFrom<Message> for ByteString {
    type Error = NotText;
    fn try_from(message: Message) -> Result<Self, NotText> {
        message.into_text()
    }
}

impl TryFrom<Message> for String {
    type Error = NotText;
    fn try_from(message: Message) -> Result<Self, NotText> {
        message.into_text().map(Self::from)
    }
}

/// The payload, of either type, without a copy.
impl From<Message> for Bytes {
    fn from(message: Message) -> Self {
        message.into_bytes()
    }
}

/// The payload, of either type. It is copied if the message shares its memory.
impl From<Message> for Vec<u8> {
    fn from(message: Message) -> Self {
        message.into_bytes().into()
    }
}
