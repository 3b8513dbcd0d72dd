//! Messages compared with texts and bytes. A text message equals no bytes, and a binary message equals no text.

use alloc::string::String;
use alloc::vec::Vec;

use super::{Message, MessageRef};

/// Compares both forms of a message with a type, which is seen as a message, and the other way round.
macro_rules! equal {
    ($($(#[$size:tt])? $type:ty, $other:ident => $seen:expr;)*) => { $(
        impl $(<const $size: usize>)? PartialEq<$type> for Message {
            fn eq(&self, $other: &$type) -> bool {
                self.as_ref() == $seen
            }
        }

        impl $(<const $size: usize>)? PartialEq<$type> for MessageRef<'_> {
            fn eq(&self, $other: &$type) -> bool {
                *self == $seen
            }
        }

        impl $(<const $size: usize>)? PartialEq<Message> for $type {
            fn eq(&self, message: &Message) -> bool {
                message == self
            }
        }

        impl $(<const $size: usize>)? PartialEq<MessageRef<'_>> for $type {
            fn eq(&self, message: &MessageRef<'_>) -> bool {
                message == self
            }
        }
    )* };
}

equal! {
    str, text => MessageRef::Text(text);
    &str, text => MessageRef::Text(text);
    String, text => MessageRef::Text(text);
    [u8], bytes => MessageRef::Binary(bytes);
    &[u8], bytes => MessageRef::Binary(bytes);
    Vec<u8>, bytes => MessageRef::Binary(bytes);
    #[N] [u8; N], bytes => MessageRef::Binary(bytes);
    #[N] &[u8; N], bytes => MessageRef::Binary(*bytes);
}
