//! Header maps as the ABI serializes them.

use crate::host::Headers;

/// A header map as the ABI serializes it: the number of pairs, then the sizes of each name and
/// value (all u32, little endian), then each name and value, each followed by a zero byte.
pub(crate) fn encode_pairs(pairs: &[(&str, &[u8])]) -> Vec<u8> {
    let payload: usize = pairs
        .iter()
        .map(|(name, value)| name.len() + value.len() + 10)
        .sum();
    let mut out = Vec::with_capacity(4 + payload);
    let size = |out: &mut Vec<u8>, n: usize| {
        out.extend_from_slice(&u32::try_from(n).unwrap_or(0).to_le_bytes());
    };
    size(&mut out, pairs.len());
    for (name, value) in pairs {
        size(&mut out, name.len());
        size(&mut out, value.len());
    }
    for (name, value) in pairs {
        out.extend_from_slice(name.as_bytes());
        out.push(0);
        out.extend_from_slice(value);
        out.push(0);
    }
    out
}

/// The reverse of [`encode_pairs`]. A name that is not UTF-8 (no HTTP codec lets one through) and
/// a map that is cut short are left out rather than guessed at.
pub(crate) fn decode_pairs(bytes: &[u8]) -> Headers {
    let Some((count, mut sizes)) = take_u32(bytes) else {
        return Vec::new();
    };
    let Some(mut rest) = bytes.get(4 + count.saturating_mul(8)..) else {
        return Vec::new();
    };
    let mut headers = Vec::with_capacity(count.min(1024));
    for _ in 0..count {
        let Some((name_size, after)) = take_u32(sizes) else {
            break;
        };
        let Some((value_size, after)) = take_u32(after) else {
            break;
        };
        sizes = after;
        let (Some(name), Some(value)) = (
            rest.get(..name_size),
            rest.get(name_size + 1..name_size + 1 + value_size),
        ) else {
            break;
        };
        if let Ok(name) = std::str::from_utf8(name) {
            headers.push((name.to_owned(), value.to_vec()));
        }
        rest = rest.get(name_size + value_size + 2..).unwrap_or_default();
    }
    headers
}

fn take_u32(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let (head, rest) = bytes.split_first_chunk::<4>()?;
    Some((u32::from_le_bytes(*head) as usize, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_encoded_is_decoded() {
        let pairs: &[(&str, &[u8])] = &[
            (":status", b"200"),
            ("x-empty", b""),
            ("x-bytes", b"\xff\0"),
        ];
        let expected: Headers = pairs
            .iter()
            .map(|(n, v)| ((*n).to_owned(), v.to_vec()))
            .collect();
        assert_eq!(decode_pairs(&encode_pairs(pairs)), expected);
    }

    #[test]
    fn a_map_that_is_cut_anywhere_is_no_panic() {
        let whole = encode_pairs(&[("a", b"1"), ("b", b"22")]);
        for end in 0..whole.len() {
            assert!(decode_pairs(&whole[..end]).len() <= 2);
        }
    }
}
