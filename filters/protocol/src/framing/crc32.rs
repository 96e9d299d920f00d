//! CRC-32 as in gzip (RFC 1952, section 8): reflected polynomial 0xEDB88320.

const TABLE: [u32; 256] = table();

pub(super) fn crc32(bytes: &[u8]) -> u32 {
    let crc = bytes.iter().fold(u32::MAX, |crc, byte| {
        let [low, ..] = crc.to_le_bytes();
        let entry = TABLE.get(usize::from(low ^ byte)).copied();
        (crc >> 8) ^ entry.unwrap_or(0)
    });
    !crc
}

const fn table() -> [u32; 256] {
    let mut table = [0; 256];
    let mut rest: &mut [u32] = &mut table;
    let mut index = 0;
    while let Some((entry, after)) = rest.split_first_mut() {
        let mut crc = index;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 1 == 1 {
                (crc >> 1) ^ 0xEDB8_8320
            } else {
                crc >> 1
            };
            bit += 1;
        }
        *entry = crc;
        rest = after;
        index += 1;
    }
    table
}

#[cfg(test)]
mod tests {
    use super::crc32;

    #[test]
    fn check_values() {
        for (text, crc) in [("", 0), ("a", 0xE8B7_BE43), ("123456789", 0xCBF4_3926)] {
            assert_eq!(crc32(text.as_bytes()), crc, "{text}");
        }
    }
}
