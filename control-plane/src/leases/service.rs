//! The gRPC shell, written by hand because the messages are Rust types without a `.proto`.

use std::convert::Infallible;
use std::task::{Context, Poll};

use tollgate_config::leases::{self, Leases as Message};
use tonic::codegen::{Body, BoxFuture, Service, StdError, http};
use tonic::server::{Grpc, NamedService, UnaryService};
use tonic::{Request, Response, Status};
use tonic_prost::ProstCodec;

use super::Leases;

/// A question names a few budgets.
const MAX_CALL_BYTES: usize = 64 << 10;

/// `tollgate.leases.v1.Leases` for tonic.
#[derive(Debug, Clone)]
pub struct Server(Leases);

impl Server {
    #[must_use]
    pub fn new(leases: Leases) -> Self {
        Self(leases)
    }
}

impl NamedService for Server {
    const NAME: &'static str = leases::SERVICE;
}

impl<B> Service<http::Request<B>> for Server
where
    B: Body + Send + 'static,
    B::Error: Into<StdError> + Send + 'static,
{
    type Response = http::Response<tonic::body::Body>;
    type Error = Infallible;
    type Future = BoxFuture<Self::Response, Self::Error>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<B>) -> Self::Future {
        let method = request.uri().path().rsplit('/').next() == Some(leases::METHOD);
        let ask = Ask(self.0.clone());
        Box::pin(async move {
            if !method {
                return Ok(Status::unimplemented("no such method").into_http());
            }
            let mut grpc = Grpc::new(ProstCodec::<Message, Message>::default())
                .max_decoding_message_size(MAX_CALL_BYTES);
            Ok(grpc.unary(ask, request).await)
        })
    }
}

struct Ask(Leases);

impl UnaryService<Message> for Ask {
    type Response = Message;
    type Future = BoxFuture<Response<Message>, Status>;

    fn call(&mut self, request: Request<Message>) -> Self::Future {
        let leases = self.0.clone();
        Box::pin(async move {
            let answer = leases.ask(request.into_inner()).await;
            answer.map(Response::new).map_err(|error| {
                tracing::error!(%error, "no lease can be granted");
                Status::unavailable("the database is not available")
            })
        })
    }
}
