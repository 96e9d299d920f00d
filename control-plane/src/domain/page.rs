//! A page of a list.

/// Which part of a list is wanted, and in which order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Page {
    /// From 1.
    pub number: i64,
    pub size: i64,
    pub order: Order,
}

/// A column and a direction. The column is one of a fixed list, so that it can stand in SQL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Order {
    pub column: &'static str,
    pub descending: bool,
}

/// A page, and how many there are in all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed<T> {
    pub items: Vec<T>,
    pub total: i64,
}

impl Page {
    /// The largest page.
    pub const MAX_SIZE: i64 = 100;
    pub const DEFAULT_SIZE: i64 = 10;
    /// There are no entries that far, and what is counted up to them does not overflow.
    pub const MAX_NUMBER: i64 = 1_000_000_000;

    #[must_use]
    pub fn offset(&self) -> i64 {
        self.number
            .saturating_sub(1)
            .max(0)
            .saturating_mul(self.size)
    }
}
