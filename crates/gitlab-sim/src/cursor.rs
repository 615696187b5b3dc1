//! Opaque cursors as GitLab makes them: URL-safe base64 of a small JSON object.

use serde_json::Value;

const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

pub(crate) fn encode(value: &Value) -> String {
    let text = value.to_string();
    let mut out = String::new();
    for chunk in text.as_bytes().chunks(3) {
        let bytes = [
            chunk[0],
            chunk.get(1).copied().unwrap_or(0),
            chunk.get(2).copied().unwrap_or(0),
        ];
        let bits = u32::from_be_bytes([0, bytes[0], bytes[1], bytes[2]]);
        for place in 0..=chunk.len() {
            let six = (bits >> (18 - 6 * place)) & 63;
            out.push(char::from(LETTERS[six as usize]));
        }
    }
    out
}

/// `None` for anything that no server made.
pub(crate) fn decode(cursor: &str) -> Option<Value> {
    let mut bytes = Vec::new();
    let (mut bits, mut held) = (0_u32, 0_u32);
    for letter in cursor.trim_end_matches('=').bytes() {
        let letter = match letter {
            b'+' => b'-',
            b'/' => b'_',
            other => other,
        };
        let six = LETTERS.iter().position(|known| *known == letter)?;
        bits = (bits << 6) | u32::try_from(six).ok()?;
        held += 6;
        if held >= 8 {
            held -= 8;
            bytes.push(u8::try_from((bits >> held) & 0xff).ok()?);
            bits &= (1 << held) - 1;
        }
    }
    serde_json::from_slice(&bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_cursor_survives_both_ways() {
        for value in [
            json!({}),
            json!({"id": "1"}),
            json!({"id": "12", "k": "ü"}),
            json!([1]),
        ] {
            assert_eq!(decode(&encode(&value)), Some(value));
        }
    }

    #[test]
    fn the_documented_cursor_is_understood() {
        let cursor = "eyJuYW1lIjoiRmxpZ2h0anMiLCJpZCI6IjI2IiwiX2tkIjoibiJ9";
        assert_eq!(
            decode(cursor),
            Some(json!({"name": "Flightjs", "id": "26", "_kd": "n"}))
        );
    }

    #[test]
    fn garbage_is_no_cursor() {
        for text in ["", "!", "abc", "====", "\u{1f980}"] {
            assert_eq!(decode(text), None, "{text}");
        }
    }
}
