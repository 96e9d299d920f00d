//! The most that calls of a model cost.

/// Whatever prices apply to them; all zeros: nothing. What a budget is held for, never what a call is
/// booked with.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Ceiling {
    /// Nano-USD for a call that succeeds.
    pub request: u64,
    /// Nano-USD for a million input tokens.
    pub input: u64,
    /// Nano-USD for a million output tokens.
    pub output: u64,
    /// Nano-USD for a search that the provider runs.
    pub search: u64,
}

// === impl Ceiling ===

impl Ceiling {
    /// The same for who pays so many millionths of it, rounded up.
    #[must_use]
    pub fn times(self, millionths: u64) -> Self {
        let part = |amount| times_millionths(amount, millionths);
        Self {
            request: part(self.request),
            input: part(self.input),
            output: part(self.output),
            search: part(self.search),
        }
    }
}

/// `amount × millionths ÷ 1,000,000`, rounded up; it stops at the end.
#[must_use]
pub fn times_millionths(amount: u64, millionths: u64) -> u64 {
    const ONE: u64 = 1_000_000;
    let (whole, rest) = (millionths / ONE, millionths % ONE);
    let product = amount.saturating_mul(whole);
    let product = product.saturating_add((amount / ONE).saturating_mul(rest));
    product.saturating_add((amount % ONE * rest).div_ceil(ONE))
}
