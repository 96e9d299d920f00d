//! What gateways ask, one call each.

use tollgate_config::counting::{self, Call, Counted};
use tonic::Status;

use super::Tokenizer;
use crate::unary::Answers;

impl Answers for Tokenizer {
    type Call = Call;
    type Answer = Counted;

    const SERVICE: &'static str = counting::SERVICE;
    const METHOD: &'static str = counting::METHOD;
    /// A request of the largest size, and names.
    const MAX_CALL_BYTES: usize = counting::CALL_BYTES_MAX + (64 << 10);

    async fn reply(self, call: Call) -> Result<Counted, Status> {
        let tokens = self.count(call).await;
        let tokens = tokens.ok_or_else(|| Status::invalid_argument("it cannot be counted"))?;
        Ok(Counted { tokens })
    }
}
