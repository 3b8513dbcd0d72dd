//! Messages of JSON.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use ws_core::{Message, MessageRef};

#[derive(Serialize, Deserialize, PartialEq, Debug)]
struct Order<'a> {
    id: u32,
    symbol: &'a str,
}

#[test]
fn a_value_goes_out_as_text_and_comes_back_from_text_and_binary() {
    let order = Order { id: 7, symbol: "EURUSD" };
    let message = Message::json(&order).unwrap();
    assert_eq!(message, r#"{"id":7,"symbol":"EURUSD"}"#);
    assert_eq!(message.as_json::<Order<'_>>().unwrap(), order);
    assert_eq!(Message::binary(message.clone()).as_json::<Order<'_>>().unwrap(), order);
    assert_eq!(message.as_ref().as_json::<Order<'_>>().unwrap(), order);
    assert_eq!(Message::json("text").unwrap(), r#""text""#);
    assert_eq!(Message::json(&[1, 2][..]).unwrap(), "[1,2]");
}

#[test]
fn an_error_names_type_place_and_rule_and_quotes_nothing_of_the_message() {
    const SECRET: &str = "s3cr3t-token";
    let order = std::any::type_name::<Order<'_>>();
    for (json, shown) in [
        (
            "",
            format!(
                "the type `{order}` cannot be read from the JSON: EOF while parsing a value at line 1 column 0"
            ),
        ),
        (
            "{\"id\":7",
            format!(
                "the type `{order}` cannot be read from the JSON: EOF while parsing an object at line 1 column 7"
            ),
        ),
        (
            "{id",
            format!(
                "the type `{order}` cannot be read from the JSON: key must be a string at line 1 column 2"
            ),
        ),
        (
            "{\"id\":7}",
            format!(
                "the type `{order}` cannot be read from the JSON: missing field `symbol` at line 1 column 8"
            ),
        ),
        (
            "{\"id\":\"s3cr3t-token\"}",
            format!("the type `{order}` cannot be read from the JSON at line 1 column 20"),
        ),
    ] {
        let error = MessageRef::Text(json).as_json::<Order<'_>>().unwrap_err();
        assert_eq!(error.to_string(), shown);
        assert_eq!(format!("{error:?}"), format!("JsonError({shown:?})"));
        assert!(!shown.contains(SECRET));
    }
    let error = Message::json(&BTreeMap::from([((), 1)])).unwrap_err();
    assert!(error.to_string().ends_with("cannot be written as JSON: key must be a string"), "{error}");
    let deep = "[".repeat(100_000);
    let error = Message::from(deep).as_json::<serde_json::Value>().unwrap_err();
    assert!(error.detail().is_syntax(), "{error}");
}
