//! The gRPC shell, written by hand because the messages are Rust types without a `.proto`.

use std::convert::Infallible;
use std::task::{Context, Poll};

use tollgate_config::together::{self, Admitted, Counted};
use tonic::codegen::{Body, BoxFuture, Service, StdError, http};
use tonic::server::{Grpc, NamedService, UnaryService};
use tonic::{Request, Response, Status};
use tonic_prost::ProstCodec;

use super::Windows;

/// A question names a few limits.
const MAX_CALL_BYTES: usize = 16 << 10;

/// `tollgate.limits.v1.Limits` for tonic.
#[derive(Debug, Clone)]
pub struct Server(Option<Windows>);

impl Server {
    /// Without Redis everybody is told that nobody counts.
    #[must_use]
    pub fn new(windows: Option<Windows>) -> Self {
        Self(windows)
    }
}

impl NamedService for Server {
    const NAME: &'static str = together::SERVICE;
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
        let method = request.uri().path().rsplit('/').next() == Some(together::METHOD);
        let ask = Ask(self.0.clone());
        Box::pin(async move {
            if !method {
                return Ok(Status::unimplemented("no such method").into_http());
            }
            let mut grpc = Grpc::new(ProstCodec::<Admitted, Counted>::default())
                .max_decoding_message_size(MAX_CALL_BYTES);
            Ok(grpc.unary(ask, request).await)
        })
    }
}

struct Ask(Option<Windows>);

impl UnaryService<Counted> for Ask {
    type Response = Admitted;
    type Future = BoxFuture<Response<Admitted>, Status>;

    fn call(&mut self, request: Request<Counted>) -> Self::Future {
        let windows = self.0.clone();
        Box::pin(async move {
            let admitted = match windows {
                Some(windows) => windows.admit(request.get_ref()).await.ok(),
                None => None,
            };
            Ok(Response::new(admitted.unwrap_or_default()))
        })
    }
}
