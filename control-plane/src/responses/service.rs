//! What gateways ask, one call each.

use tollgate_config::responses::{self, Answer, Call};
use tonic::Status;

use super::Responses;
use crate::unary::Answers;

impl Answers for Responses {
    type Call = Call;
    type Answer = Answer;

    const SERVICE: &'static str = responses::SERVICE;
    const METHOD: &'static str = responses::METHOD;
    /// A call holds ids, or a body of which gateways take no more.
    const MAX_CALL_BYTES: usize = responses::STORED_BYTES_MAX + (64 << 10);

    async fn reply(self, call: Call) -> Result<Answer, Status> {
        self.answer(&call).await.map_err(|error| {
            tracing::error!(%error, "a response cannot be read");
            Status::unavailable("the database is not available")
        })
    }
}
