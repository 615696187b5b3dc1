//! GraphQL cursors that can be made for any id, so that one listing can be read at several places at once.
//!
//! A cursor is opaque by contract. So its shape is learnt from one that the host made, never assumed: if that one is, decoded, an object
//! with nothing but the id of the last row in it, the same with another id starts just below that id. Every page that a made cursor
//! brings is checked to do so, and a host where it does not is read in another way.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde_json::{Map, Value};

/// The shape of a host's cursors.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Shape {
    fields: Map<String, Value>,
    is_text: bool,
    is_padded: bool,
    is_url_safe: bool,
}

const LENIENT: GeneralPurposeConfig =
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);

impl Shape {
    /// Learns from the cursor at the end of a page whose last row has the number `last`; `None` if it holds anything else than that.
    pub(crate) fn learn(cursor: &str, last: u64) -> Option<Self> {
        let (fields, is_url_safe) = decode(cursor)?;
        let id = fields.get("id")?;
        let is_text = id.is_string();
        // A leading underscore marks the kind and direction of the cursor, not a column.
        let nothing_else = fields.keys().all(|key| key == "id" || key.starts_with('_'));
        (nothing_else && number(id) == Some(last)).then(|| Self {
            is_padded: cursor.ends_with('='),
            is_url_safe,
            is_text,
            fields,
        })
    }

    /// The cursor after which the rows with smaller numbers than `id` come.
    pub(crate) fn below(&self, id: u64) -> String {
        let mut fields = self.fields.clone();
        let value = if self.is_text {
            Value::String(id.to_string())
        } else {
            Value::from(id)
        };
        fields.insert("id".to_owned(), value);
        let text = Value::Object(fields).to_string();
        match (self.is_url_safe, self.is_padded) {
            (true, false) => URL_SAFE_NO_PAD.encode(text),
            (true, true) => URL_SAFE.encode(text),
            (false, false) => STANDARD_NO_PAD.encode(text),
            (false, true) => STANDARD.encode(text),
        }
    }

    /// The number inside of a cursor of this shape.
    pub(crate) fn id_of(cursor: &str) -> Option<u64> {
        decode(cursor)?.0.get("id").and_then(number)
    }
}

fn decode(cursor: &str) -> Option<(Map<String, Value>, bool)> {
    let engine = |alphabet| GeneralPurpose::new(alphabet, LENIENT);
    let is_url_safe = !cursor.contains(['+', '/']);
    let alphabet = if is_url_safe {
        &base64::alphabet::URL_SAFE
    } else {
        &base64::alphabet::STANDARD
    };
    let bytes = engine(alphabet).decode(cursor).ok()?;
    let fields = serde_json::from_slice(&bytes).ok()?;
    Some((fields, is_url_safe))
}

fn number(value: &Value) -> Option<u64> {
    value
        .as_u64()
        .or_else(|| value.as_str().and_then(|text| text.parse().ok()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_shape_of_gitlab_is_learnt() {
        // {"id":"123"}
        let shape = Shape::learn("eyJpZCI6IjEyMyJ9", 123).expect("it holds the id alone");
        assert_eq!(shape.below(123), "eyJpZCI6IjEyMyJ9");
        assert_eq!(Shape::id_of(&shape.below(77)), Some(77));
        // The id of another row.
        assert_eq!(Shape::learn("eyJpZCI6IjEyMyJ9", 124), None);
    }

    #[test]
    fn what_holds_more_than_the_id_is_left_alone() {
        for fields in [
            r#"{"created_at":"2026-01-01","id":"5"}"#,
            r#"{"name":"x"}"#,
            r"[5]",
            r"5",
            "",
        ] {
            let cursor = URL_SAFE_NO_PAD.encode(fields);
            assert_eq!(Shape::learn(&cursor, 5), None, "{fields}");
        }
        assert_eq!(Shape::learn("!!", 5), None);
    }

    proptest! {
        #[test]
        fn made_cursors_read_back(learnt in any::<u64>(), id in any::<u64>(), text in any::<bool>(), padded in any::<bool>()) {
            let fields = if text { format!(r#"{{"id":"{learnt}"}}"#) } else { format!(r#"{{"id":{learnt},"_kd":"n"}}"#) };
            let cursor = if padded { URL_SAFE.encode(fields) } else { URL_SAFE_NO_PAD.encode(fields) };
            let shape = Shape::learn(&cursor, learnt).expect("it holds the id");
            prop_assert_eq!(Shape::id_of(&shape.below(id)), Some(id));
        }

        #[test]
        fn any_cursor_is_survived(cursor in ".{0,60}") {
            let _ = Shape::learn(&cursor, 1);
        }
    }
}
