//! What gateways ask, one call each.

use tollgate_config::together::{self, Admitted, Counted};
use tonic::Status;

use super::Windows;
use crate::unary::Answers;

/// Without Redis everybody is told that nobody counts.
impl Answers for Option<Windows> {
    type Call = Counted;
    type Answer = Admitted;

    const SERVICE: &'static str = together::SERVICE;
    const METHOD: &'static str = together::METHOD;
    /// A question names a few limits.
    const MAX_CALL_BYTES: usize = 16 << 10;

    async fn reply(self, call: Counted) -> Result<Admitted, Status> {
        let admitted = match self {
            Some(windows) => windows.admit(&call).await.ok(),
            None => None,
        };
        Ok(admitted.unwrap_or_default())
    }
}
