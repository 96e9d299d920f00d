//! Base64 with the standard alphabet (RFC 4648, section 4).

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// The bytes that `text` stands for; nothing where it is not base64. Padding may be
/// missing.
pub(crate) fn decode(text: &str) -> Option<Vec<u8>> {
    let digits = text.trim_end_matches('=').as_bytes();
    let mut bytes = Vec::with_capacity(digits.len() / 4 * 3 + 2);
    for group in digits.chunks(4) {
        let mut bits = 0;
        for digit in group {
            bits = bits << 6 | sextet(*digit)?;
        }
        // A group of n digits holds n - 1 bytes; one digit alone holds none.
        let missing = 4_u32.checked_sub(u32::try_from(group.len()).ok()?)?;
        if missing == 3 {
            return None;
        }
        let [_, whole @ ..] = (bits << (6 * missing)).to_be_bytes();
        bytes.extend(whole.iter().take(group.len().saturating_sub(1)));
    }
    Some(bytes)
}

/// `bytes` in base64, padded.
pub(crate) fn encode(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let mut whole = [0; 3];
        whole
            .iter_mut()
            .zip(group)
            .for_each(|(to, from)| *to = *from);
        let [a, b, c] = whole.map(u32::from);
        let bits = a << 16 | b << 8 | c;
        for position in 0..4 {
            let sextet = bits >> (18 - 6 * position) & 0x3F;
            let digit = usize::try_from(sextet).ok().and_then(|at| ALPHABET.get(at));
            // A group of n bytes fills n + 1 digits.
            let filled = usize::try_from(position).is_ok_and(|position| position <= group.len());
            text.push(
                digit
                    .filter(|_| filled)
                    .map_or('=', |digit| char::from(*digit)),
            );
        }
    }
    text
}

fn sextet(digit: u8) -> Option<u32> {
    Some(u32::from(match digit {
        b'A'..=b'Z' => digit - b'A',
        b'a'..=b'z' => digit - b'a' + 26,
        b'0'..=b'9' => digit - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        _ => return None,
    }))
}

#[cfg(test)]
mod tests {
    use super::{decode, encode};

    #[test]
    fn test_vectors_of_the_rfc() {
        let table = [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("fooba", "Zm9vYmE="),
            ("foobar", "Zm9vYmFy"),
            ("\u{7ff}\u{fff}~?", "37_gv79-Pw=="),
        ];
        for (plain, text) in table {
            let text = text.replace('_', "/").replace('-', "+");
            assert_eq!(encode(plain.as_bytes()), text, "{plain}");
            assert_eq!(decode(&text).as_deref(), Some(plain.as_bytes()), "{text}");
            let bare = text.trim_end_matches('=');
            assert_eq!(decode(bare).as_deref(), Some(plain.as_bytes()), "{bare}");
        }
        for broken in ["Z", "Zm9vZ", "Zm 9", "Zm9v\n", "Zm-v", "Zg==Zg=="] {
            assert_eq!(decode(broken), None, "{broken}");
        }
    }
}
