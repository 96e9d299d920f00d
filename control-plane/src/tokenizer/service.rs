//! The gRPC shell, written by hand because the messages are Rust types without a `.proto`.

use std::convert::Infallible;
use std::task::{Context, Poll};

use tollgate_config::counting::{self, Call, Counted};
use tonic::codegen::{Body, BoxFuture, Service, StdError, http};
use tonic::server::{Grpc, NamedService, UnaryService};
use tonic::{Request, Response, Status};
use tonic_prost::ProstCodec;

use super::Tokenizer;

/// A request of the largest size, and names.
const MAX_CALL_BYTES: usize = counting::CALL_BYTES_MAX + (64 << 10);

/// `tollgate.counting.v1.Counting` for tonic.
#[derive(Debug, Clone)]
pub struct Server(Tokenizer);

impl Server {
    #[must_use]
    pub fn new(tokenizer: Tokenizer) -> Self {
        Self(tokenizer)
    }
}

impl NamedService for Server {
    const NAME: &'static str = counting::SERVICE;
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
        let method = request.uri().path().rsplit('/').next() == Some(counting::METHOD);
        let count = Count(self.0.clone());
        Box::pin(async move {
            if !method {
                return Ok(Status::unimplemented("no such method").into_http());
            }
            let mut grpc = Grpc::new(ProstCodec::<Counted, Call>::default())
                .max_decoding_message_size(MAX_CALL_BYTES);
            Ok(grpc.unary(count, request).await)
        })
    }
}

struct Count(Tokenizer);

impl UnaryService<Call> for Count {
    type Response = Counted;
    type Future = BoxFuture<Response<Counted>, Status>;

    fn call(&mut self, request: Request<Call>) -> Self::Future {
        let tokenizer = self.0.clone();
        Box::pin(async move {
            let tokens = tokenizer.count(request.into_inner()).await;
            let tokens = tokens.ok_or_else(|| Status::invalid_argument("it cannot be counted"))?;
            Ok(Response::new(Counted { tokens }))
        })
    }
}
