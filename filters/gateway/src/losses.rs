//! What a translation dropped, as the log and the caller are told.

use tollgate_protocol::Loss;

/// Response header with the fields of the caller's request that the upstream never saw.
pub(crate) const HEADER: &str = "x-tollgate-losses";

/// Longest value of the header, in bytes.
const HEADER_BYTES_MAX: usize = 1_024;

/// One line for each, for the log.
pub(crate) fn lines(losses: &[Loss]) -> Vec<String> {
    losses
        .iter()
        .map(|loss| format!("{}: {}", loss.field, loss.reason))
        .collect()
}

/// The value of [`HEADER`]: the fields, separated by commas. A field may be a name that the caller
/// made up, so what is not plain in it is left out. `None` where nothing was lost.
pub(crate) fn header(losses: &[Loss]) -> Option<String> {
    let mut value = String::new();
    for loss in losses {
        let plain = |c: &char| c.is_ascii_alphanumeric() || "._-[]$".contains(*c);
        let field: String = loss.field.chars().filter(plain).collect();
        let separator = if value.is_empty() { "" } else { ", " };
        if value.len() + separator.len() + field.len() > HEADER_BYTES_MAX {
            break;
        }
        if !field.is_empty() {
            value.push_str(separator);
            value.push_str(&field);
        }
    }
    (!value.is_empty()).then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(fields: &[&str]) -> Option<String> {
        let losses: Vec<Loss> = fields.iter().map(|f| Loss::new(*f, "why")).collect();
        header(&losses)
    }

    #[test]
    fn the_header_names_fields_and_nothing_that_could_end_it() {
        let long = "x".repeat(600);
        for (fields, value) in [
            (&[][..], None),
            (&["seed"][..], Some("seed")),
            (
                &["messages[0].name", "n\r\nset-cookie: a"][..],
                Some("messages[0].name, nset-cookiea"),
            ),
            (&["é", "logit_bias"][..], Some("logit_bias")),
            (&[&*long, &*long][..], Some(&*long)),
        ] {
            assert_eq!(of(fields).as_deref(), value, "{fields:?}");
        }
    }
}
