//! The gRPC shell, written by hand because the messages are Rust types without a `.proto`.

use std::convert::Infallible;
use std::task::{Context, Poll};

use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tollgate_config::meter::{FromControl, FromGateway};
use tollgate_config::names;
use tonic::codegen::{Body, BoxFuture, Service, StdError, http};
use tonic::server::{Grpc, NamedService, StreamingService};
use tonic::{Request, Response, Status, Streaming};
use tonic_prost::ProstCodec;

use super::{Meter, session};

/// A batch of usage is far smaller; more than this is not worth the memory.
const MAX_MESSAGE_BYTES: usize = 8 << 20;

/// Messages on their way to one gateway; when it does not read, its session waits.
const QUEUE: usize = 16;

/// `tollgate.meter.v1.Meter` for tonic.
#[derive(Debug, Clone)]
pub struct Server {
    meter: Meter,
}

impl Server {
    #[must_use]
    pub fn new(meter: Meter) -> Self {
        Self { meter }
    }
}

impl NamedService for Server {
    const NAME: &'static str = names::METER_SERVICE;
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
        let method = request.uri().path().rsplit('/').next() == Some(names::METER_METHOD);
        let connect = Connect {
            meter: self.meter.clone(),
        };
        Box::pin(async move {
            if !method {
                return Ok(Status::unimplemented("no such method").into_http());
            }
            let mut grpc = Grpc::new(ProstCodec::<FromControl, FromGateway>::default())
                .max_decoding_message_size(MAX_MESSAGE_BYTES);
            Ok(grpc.streaming(connect, request).await)
        })
    }
}

struct Connect {
    meter: Meter,
}

impl StreamingService<FromGateway> for Connect {
    type Response = FromControl;
    type ResponseStream = ReceiverStream<Result<FromControl, Status>>;
    type Future = BoxFuture<Response<Self::ResponseStream>, Status>;

    fn call(&mut self, request: Request<Streaming<FromGateway>>) -> Self::Future {
        let meter = self.meter.clone();
        Box::pin(async move {
            let (sender, receiver) = mpsc::channel(QUEUE);
            tokio::spawn(async move {
                let outcome = session::serve(meter, request.into_inner(), sender.clone()).await;
                if let Err(status) = outcome {
                    let _ = sender.send(Err(status)).await;
                }
            });
            Ok(Response::new(ReceiverStream::new(receiver)))
        })
    }
}
