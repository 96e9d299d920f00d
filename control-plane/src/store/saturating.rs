//! Addition in SQL that stops at the largest number.

/// `column = column + by` that stops at the largest number. Past it SQLite goes on in floating point
/// and the others fail, and with them the whole batch, again and again. `by` is not negative.
macro_rules! saturating {
    ($column:literal, $by:literal) => {
        concat!(
            $column,
            " = CASE WHEN ",
            $column,
            " > 9223372036854775807 - ",
            $by,
            " THEN 9223372036854775807 ELSE ",
            $column,
            " + ",
            $by,
            " END"
        )
    };
}

pub(super) use saturating;
