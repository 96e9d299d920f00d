//! gRPC services that have one method: a message from a gateway, and the answer to it. They are
//! written by hand because the messages are Rust types without a `.proto`.

use std::convert::Infallible;
use std::task::{Context, Poll};

use prost::Message;
use tonic::codegen::{Body, BoxFuture, Service, StdError, http};
use tonic::server::{Grpc, NamedService, UnaryService};
use tonic::{Request, Response, Status};
use tonic_prost::ProstCodec;

/// Who answers such calls.
pub trait Answers: Clone + Send + Sync + 'static {
    type Call: Message + Default + 'static;
    type Answer: Message + Default + 'static;

    /// The full name of the service.
    const SERVICE: &'static str;
    const METHOD: &'static str;
    /// A larger call is refused.
    const MAX_CALL_BYTES: usize;

    fn reply(self, call: Self::Call) -> impl Future<Output = Result<Self::Answer, Status>> + Send;
}

/// The service for tonic.
#[derive(Debug, Clone)]
pub struct Unary<A>(pub A);

impl<A: Answers> NamedService for Unary<A> {
    const NAME: &'static str = A::SERVICE;
}

impl<A, B> Service<http::Request<B>> for Unary<A>
where
    A: Answers,
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
        let is_known = request.uri().path().rsplit('/').next() == Some(A::METHOD);
        let method = Method(self.0.clone());
        Box::pin(async move {
            if !is_known {
                return Ok(Status::unimplemented("no such method").into_http());
            }
            let mut grpc = Grpc::new(ProstCodec::<A::Answer, A::Call>::default())
                .max_decoding_message_size(A::MAX_CALL_BYTES);
            Ok(grpc.unary(method, request).await)
        })
    }
}

struct Method<A>(A);

impl<A: Answers> UnaryService<A::Call> for Method<A> {
    type Response = A::Answer;
    type Future = BoxFuture<Response<A::Answer>, Status>;

    fn call(&mut self, request: Request<A::Call>) -> Self::Future {
        let reply = self.0.clone().reply(request.into_inner());
        Box::pin(async move { reply.await.map(Response::new) })
    }
}
