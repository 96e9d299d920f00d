//! Statements that write several rows at once.

/// How many rows a statement writes: few different numbers, because the database plans each
/// statement once and keeps the plan.
const SIZES: [usize; 4] = [128, 32, 8, 1];

/// The rows in pieces of these sizes, in their order.
pub(super) fn pieces<T>(mut rows: &[T]) -> impl Iterator<Item = &[T]> {
    std::iter::from_fn(move || {
        let size = SIZES.into_iter().find(|size| *size <= rows.len())?;
        let (piece, rest) = rows.split_at_checked(size)?;
        rows = rest;
        Some(piece)
    })
}

/// `($1, $2), ($3, $4)`: places for so many rows of so many values.
pub(super) fn places(rows: usize, columns: usize) -> String {
    let mut text = String::new();
    for row in 0..rows {
        text.push_str(if row == 0 { "(" } else { ", (" });
        for column in 1..=columns {
            let comma = if column == 1 { "" } else { ", " };
            text.push_str(&format!("{comma}${}", row * columns + column));
        }
        text.push(')');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_written_in_pieces_of_few_sizes() {
        for (rows, sizes) in [
            (0, &[][..]),
            (1, &[1][..]),
            (33, &[32, 1][..]),
            (300, &[128, 128, 32, 8, 1, 1, 1, 1][..]),
        ] {
            let rows: Vec<_> = (0..rows).collect();
            let found: Vec<_> = pieces(&rows).map(<[_]>::len).collect();
            assert_eq!(found, sizes);
            assert_eq!(pieces(&rows).collect::<Vec<_>>().concat(), rows);
        }
        assert_eq!(places(2, 3), "($1, $2, $3), ($4, $5, $6)");
    }
}
