//! Messages of JSON.

use alloc::string::ToString;
use core::any::type_name;
use core::fmt;

use serde::{Deserialize, Serialize};
use serde_json::error::Category;

use super::{Message, MessageRef};

impl Message {
    /// A text message of a value in JSON, with the feature `serde`.
    ///
    /// ```
    /// use ws_core::Message;
    ///
    /// # #[derive(serde::Serialize, serde::Deserialize)]
    /// struct Order { id: u32, price: f64 }
    ///
    /// let message = Message::json(&Order { id: 7, price: 9.5 })?;
    /// assert_eq!(message, r#"{"id":7,"price":9.5}"#);
    /// let order: Order = message.as_json()?;
    /// assert_eq!(order.id, 7);
    /// # Ok::<(), ws_core::JsonError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// If the value cannot be JSON: a key of a map is no text, or its `Serialize` fails.
    pub fn json<T: Serialize + ?Sized>(value: &T) -> Result<Self, JsonError> {
        match serde_json::to_string(value) {
            Ok(text) => Ok(text.into()),
            Err(error) => Err(JsonError { error, way: "be written as JSON", type_name: type_name::<T>() }),
        }
    }

    /// The value that the payload is in JSON, of either type of message, with the feature `serde`. It may borrow from the message.
    ///
    /// # Errors
    ///
    /// If the payload is no JSON, does not fit the type, or is nested more than 128 times.
    pub fn as_json<'a, T: Deserialize<'a>>(&'a self) -> Result<T, JsonError> {
        self.as_ref().as_json()
    }
}

impl<'a> MessageRef<'a> {
    /// The value that the payload is in JSON; see [`Message::as_json`].
    pub fn as_json<T: Deserialize<'a>>(self) -> Result<T, JsonError> {
        let value = match self {
            Self::Text(text) => serde_json::from_str(text),
            Self::Binary(bytes) => serde_json::from_slice(bytes),
        };
        value.map_err(|error| JsonError { error, way: "be read from the JSON", type_name: type_name::<T>() })
    }
}

/// Why a value could not become JSON, or JSON a value. `Debug` and `Display` name the type, the place and the rule, and quote nothing
/// of the message.
pub struct JsonError {
    error: serde_json::Error,
    way: &'static str,
    type_name: &'static str,
}

impl JsonError {
    /// The whole error. Its text may quote the message: for example, it shows a text that was found in place of a number.
    pub fn detail(&self) -> &serde_json::Error {
        &self.error
    }
}

impl fmt::Display for JsonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the type `{}` cannot {}", self.type_name, self.way)?;
        let detail = self.error.to_string();
        // The name of the field comes from the type. Other texts about data may quote the message.
        if self.error.classify() != Category::Data || detail.starts_with("missing field `") {
            return write!(f, ": {detail}");
        }
        match self.error.line() {
            // There is no place in a value that is written.
            0 => Ok(()),
            line => write!(f, " at line {line} column {}", self.error.column()),
        }
    }
}

impl fmt::Debug for JsonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "JsonError({:?})", self.to_string())
    }
}

impl core::error::Error for JsonError {}
