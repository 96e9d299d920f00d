//! Header maps as the ABI wants them.

/// The reverse of [`Headers::decode`](crate::Headers::decode), which says what it looks like.
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
