//! Resolutions as people write them: `1024x1024`, `1920 × 1080`, `720P`.

/// Equal but for case, spaces and the sign between width and height.
pub(super) fn same(one: &str, other: &str) -> bool {
    normal(one) == normal(other)
}

/// The same, or of the same class: `1792x1024` and `1080p`.
pub(super) fn alike(one: &str, other: &str) -> bool {
    let (one, other) = (normal(one), normal(other));
    let (its, others) = (class(&one), class(&other));
    one == other
        || its.is_some_and(|its| its == other || Some(its) == others)
        || others.is_some_and(|others| others == one)
}

fn normal(text: &str) -> String {
    let signs = text.chars().filter(|sign| !sign.is_whitespace());
    signs
        .flat_map(char::to_lowercase)
        .map(|sign| {
            if matches!(sign, '×' | '*') {
                'x'
            } else {
                sign
            }
        })
        .collect()
}

/// The class of a size in pixels, by its shorter side.
fn class(size: &str) -> Option<&'static str> {
    let (width, height) = size.split_once('x')?;
    let (width, height) = (width.parse::<u32>().ok()?, height.parse::<u32>().ok()?);
    if width == 0 || height == 0 {
        return None;
    }
    match width.min(height) {
        2000.. => Some("4k"),
        1000.. => Some("1080p"),
        700.. => Some("720p"),
        400.. => Some("480p"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_spellings_and_classes() {
        for (one, other, is_same, is_alike) in [
            ("1024x1024", " 1024 × 1024", true, true),
            ("1024*1024", "1024X1024", true, true),
            ("720P", "720p", true, true),
            ("1024x1024", "1080p", false, true),
            ("1792x1024", "1024x1024", false, true),
            ("3840x2160", "4K", false, true),
            ("1280x720", "720p", false, true),
            ("640x480", "480p", false, true),
            ("320x240", "480p", false, false),
            ("320x240", "160x120", false, false),
            ("1280x720", "1080p", false, false),
            ("0x720", "720p", false, false),
            ("1280x720x3", "720p", false, false),
            ("4k", "3840x2160", false, true),
        ] {
            assert_eq!(same(one, other), is_same, "{one} {other}");
            assert_eq!(alike(one, other), is_alike, "{one} {other}");
            assert_eq!(alike(other, one), is_alike, "{other} {one}");
        }
    }
}
