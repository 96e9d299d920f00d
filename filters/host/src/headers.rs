//! A header map as it came, in one piece of memory.

use std::fmt;

/// Names (lower case) and values in the order in which they came.
///
/// All of them stand in one buffer, which is how the host hands them over: a request has a dozen, and
/// two allocations for each would cost more than all that is done with them.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Headers {
    bytes: Vec<u8>,
    places: Vec<Place>,
}

/// Where a name and its value stand in the buffer.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Place {
    name: usize,
    name_size: usize,
    value: usize,
    value_size: usize,
}

impl Headers {
    /// The first value of a header.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&[u8]> {
        let mut pairs = self.iter();
        pairs.find_map(|(there, value)| (there == name).then_some(value))
    }

    pub fn iter(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.places.iter().filter_map(|place| {
            let at = |start: usize, size| self.bytes.get(start..start.checked_add(size)?);
            let name = std::str::from_utf8(at(place.name, place.name_size)?).ok()?;
            Some((name, at(place.value, place.value_size)?))
        })
    }

    pub fn push(&mut self, name: &str, value: &[u8]) {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(name.as_bytes());
        self.bytes.extend_from_slice(value);
        self.places.push(Place {
            name: start,
            name_size: name.len(),
            value: start + name.len(),
            value_size: value.len(),
        });
    }

    /// Reads a map as the ABI serializes it: the number of pairs, then the sizes of each name and value
    /// (all u32, little endian), then each name and value, each followed by a zero byte. What is cut
    /// short is left out rather than guessed at, and so is a name that is not UTF-8 (no HTTP codec lets
    /// one through).
    #[cfg(any(target_arch = "wasm32", test))]
    pub(crate) fn decode(bytes: Vec<u8>) -> Self {
        let mut sizes = bytes.as_chunks::<4>().0.iter();
        let mut size = || Some(u32::from_le_bytes(*sizes.next()?) as usize);
        let count = size().unwrap_or(0);
        let mut places = Vec::with_capacity(count.min(1024));
        let mut at = count.saturating_mul(8).saturating_add(4);
        for _ in 0..count {
            let (Some(name_size), Some(value_size)) = (size(), size()) else {
                break;
            };
            let value = at.saturating_add(name_size).saturating_add(1);
            let end = value.saturating_add(value_size);
            if end > bytes.len() {
                break;
            }
            places.push(Place {
                name: at,
                name_size,
                value,
                value_size,
            });
            at = end.saturating_add(1);
        }
        Self { bytes, places }
    }
}

impl<N: AsRef<str>, V: AsRef<[u8]>> FromIterator<(N, V)> for Headers {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(pairs: I) -> Self {
        let mut headers = Self::default();
        for (name, value) in pairs {
            headers.push(name.as_ref(), value.as_ref());
        }
        headers
    }
}

impl fmt::Debug for Headers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pairs = self.iter();
        let shown = pairs.map(|(name, value)| (name, String::from_utf8_lossy(value)));
        f.debug_map().entries(shown).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pairs::encode_pairs;

    #[test]
    fn what_is_encoded_is_decoded() {
        let pairs: &[(&str, &[u8])] = &[
            (":status", b"200"),
            ("x-empty", b""),
            ("x-bytes", b"\xff\0"),
        ];
        let decoded = Headers::decode(encode_pairs(pairs));
        assert_eq!(decoded.iter().collect::<Vec<_>>(), pairs);
        assert_eq!(decoded.get("x-bytes"), Some(&b"\xff\0"[..]));
        assert_eq!(decoded.get("x-none"), None);
    }

    #[test]
    fn a_map_that_is_cut_anywhere_is_no_panic() {
        let whole = encode_pairs(&[("a", b"1"), ("b", b"22")]);
        for end in 0..whole.len() {
            let cut = Headers::decode(whole[..end].to_vec());
            assert!(cut.iter().count() <= 2);
        }
        // The last byte is nobody's.
        let cut = Headers::decode(whole[..whole.len() - 1].to_vec());
        assert_eq!(cut.get("b"), Some(&b"22"[..]));
    }

    #[test]
    fn a_map_that_lies_about_its_size_is_no_panic() {
        let mut bytes = u32::MAX.to_le_bytes().to_vec();
        bytes.extend([0xff; 64]);
        assert_eq!(Headers::decode(bytes).iter().count(), 0);
    }
}
