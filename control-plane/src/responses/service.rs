//! The gRPC shell, written by hand because the messages are Rust types without a `.proto`.

use std::convert::Infallible;
use std::task::{Context, Poll};

use tollgate_config::responses::{self, Answer, Call};
use tonic::codegen::{Body, BoxFuture, Service, StdError, http};
use tonic::server::{Grpc, NamedService, UnaryService};
use tonic::{Request, Response, Status};
use tonic_prost::ProstCodec;

use super::Responses;

/// A call holds ids, or a body of which gateways take no more.
const MAX_CALL_BYTES: usize = responses::STORED_BYTES_MAX + (64 << 10);

/// `tollgate.responses.v1.Responses` for tonic.
#[derive(Debug, Clone)]
pub struct Server(Responses);

impl Server {
    #[must_use]
    pub fn new(responses: Responses) -> Self {
        Self(responses)
    }
}

impl NamedService for Server {
    const NAME: &'static str = responses::SERVICE;
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
        let method = request.uri().path().rsplit('/').next() == Some(responses::METHOD);
        let ask = Ask(self.0.clone());
        Box::pin(async move {
            if !method {
                return Ok(Status::unimplemented("no such method").into_http());
            }
            let mut grpc = Grpc::new(ProstCodec::<Answer, Call>::default())
                .max_decoding_message_size(MAX_CALL_BYTES);
            Ok(grpc.unary(ask, request).await)
        })
    }
}

struct Ask(Responses);

impl UnaryService<Call> for Ask {
    type Response = Answer;
    type Future = BoxFuture<Response<Answer>, Status>;

    fn call(&mut self, request: Request<Call>) -> Self::Future {
        let responses = self.0.clone();
        Box::pin(async move {
            let answer = responses.answer(request.get_ref()).await;
            answer.map(Response::new).map_err(|error| {
                tracing::error!(%error, "a response cannot be read");
                Status::unavailable("the database is not available")
            })
        })
    }
}
