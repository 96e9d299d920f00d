//! What gateways ask, one call each.

use tollgate_config::leases::{self, Leases as Message};
use tonic::Status;

use super::Leases;
use crate::unary::Answers;

impl Answers for Leases {
    type Call = Message;
    type Answer = Message;

    const SERVICE: &'static str = leases::SERVICE;
    const METHOD: &'static str = leases::METHOD;
    /// A question names a few budgets.
    const MAX_CALL_BYTES: usize = 64 << 10;

    async fn reply(self, call: Message) -> Result<Message, Status> {
        self.ask(call).await.map_err(|error| {
            tracing::error!(%error, "no lease can be granted");
            Status::unavailable("the database is not available")
        })
    }
}
