//! The gRPC shell around [`delta::Stream`](super::delta::Stream): one task per gateway.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use discovery::aggregated_discovery_service_server::{
    AggregatedDiscoveryService, AggregatedDiscoveryServiceServer,
};
use envoy_types::pb::envoy::service::discovery::v3 as discovery;
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, Streaming};

use super::delta::{self, Stream};
use super::resources::CALLERS;
use super::{Kind, Resource, Snapshot};
use crate::gateways::{Registry, XdsSession};

/// A reconnecting gateway tells the version of everything it has.
const MAX_REQUEST_BYTES: usize = 64 << 20;

/// How long one stuck resource may hold back what refers to it. A gateway that takes in a thousand
/// clusters says nothing for some seconds.
const PATIENCE: Duration = Duration::from_secs(30);

/// The aggregated discovery service. Only its incremental variant is offered.
#[derive(Debug, Clone)]
pub struct Service {
    snapshots: watch::Receiver<Arc<Snapshot>>,
    registry: Registry,
    closed: Closed,
}

/// The gateways whose callers are to be cut off.
#[derive(Debug, Clone)]
pub struct Closed {
    pub nodes: watch::Receiver<BTreeSet<String>>,
    /// What they get instead of the listener for callers.
    pub listener: (String, Resource),
}

type Responses = mpsc::Sender<Result<discovery::DeltaDiscoveryResponse, Status>>;

impl Service {
    /// `snapshots` always holds what gateways should have now.
    #[must_use]
    pub fn new(
        snapshots: watch::Receiver<Arc<Snapshot>>,
        registry: Registry,
        closed: Closed,
    ) -> Self {
        Self {
            snapshots,
            registry,
            closed,
        }
    }

    #[must_use]
    pub fn into_server(self) -> AggregatedDiscoveryServiceServer<Self> {
        AggregatedDiscoveryServiceServer::new(self).max_decoding_message_size(MAX_REQUEST_BYTES)
    }
}

#[tonic::async_trait]
impl AggregatedDiscoveryService for Service {
    type StreamAggregatedResourcesStream =
        ReceiverStream<Result<discovery::DiscoveryResponse, Status>>;
    type DeltaAggregatedResourcesStream =
        ReceiverStream<Result<discovery::DeltaDiscoveryResponse, Status>>;

    async fn stream_aggregated_resources(
        &self,
        _: Request<Streaming<discovery::DiscoveryRequest>>,
    ) -> Result<Response<Self::StreamAggregatedResourcesStream>, Status> {
        Err(Status::unimplemented(
            "use delta xDS (api_type: DELTA_GRPC)",
        ))
    }

    async fn delta_aggregated_resources(
        &self,
        request: Request<Streaming<discovery::DeltaDiscoveryRequest>>,
    ) -> Result<Response<Self::DeltaAggregatedResourcesStream>, Status> {
        let (responses, receiver) = mpsc::channel(Kind::ALL.len());
        let service = self.clone();
        tokio::spawn(async move {
            if let Err(status) = service.serve(request.into_inner(), &responses).await {
                let _ = responses.send(Err(status)).await;
            }
        });
        Ok(Response::new(ReceiverStream::new(receiver)))
    }
}

impl Service {
    /// Until the gateway is gone, which is an `Ok`.
    async fn serve(
        mut self,
        mut requests: Streaming<discovery::DeltaDiscoveryRequest>,
        responses: &Responses,
    ) -> Result<(), Status> {
        let Some(first) = requests.message().await? else {
            return Ok(());
        };
        let node = first
            .node
            .as_ref()
            .map(|node| node.id.clone())
            .unwrap_or_default();
        if node.is_empty() {
            return Err(Status::invalid_argument("node.id is missing"));
        }
        let session = self.registry.xds_connected(&node);
        let mut stream = Stream::new(self.snapshot_for(&node));
        take(&mut stream, &session, first);
        let mut patience_ends = Instant::now() + PATIENCE;
        loop {
            while let Some(response) = stream.respond() {
                patience_ends = Instant::now() + PATIENCE;
                if responses.send(Ok(encode(response))).await.is_err() {
                    return Ok(());
                }
            }
            for kind in Kind::ALL {
                session.progress(kind, stream.status(kind));
            }
            tokio::select! {
                request = requests.message() => match request {
                    Ok(Some(request)) => take(&mut stream, &session, request),
                    // A gateway that is gone is the ordinary end of a stream.
                    Ok(None) | Err(_) => return Ok(()),
                },
                changed = self.snapshots.changed() => match changed {
                    Ok(()) => {
                        stream.publish(self.snapshot_for(&node));
                        patience_ends = Instant::now() + PATIENCE;
                    }
                    Err(_) => return Err(Status::unavailable("the control plane is ending")),
                },
                Ok(()) = self.closed.nodes.changed() => stream.publish(self.snapshot_for(&node)),
                () = tokio::time::sleep_until(patience_ends), if stream.is_waiting() => {
                    stream.lose_patience();
                    patience_ends = Instant::now() + PATIENCE;
                }
            }
        }
    }

    fn snapshot_for(&mut self, node: &str) -> Arc<Snapshot> {
        let snapshot = self.snapshots.borrow_and_update().clone();
        if self.closed.nodes.borrow_and_update().contains(node) {
            let closed = self.closed.listener.clone();
            Arc::new(snapshot.with_instead(Kind::Listener, CALLERS, closed))
        } else {
            snapshot
        }
    }
}

fn take(stream: &mut Stream, session: &XdsSession, request: discovery::DeltaDiscoveryRequest) {
    // Types that are not served are never answered; Envoy goes on without them.
    let Some(kind) = Kind::from_type_url(&request.type_url) else {
        return;
    };
    let refusal = stream.request(
        kind,
        delta::Request {
            subscribe: request.resource_names_subscribe,
            unsubscribe: request.resource_names_unsubscribe,
            initial_versions: request.initial_resource_versions,
            nonce: request.response_nonce,
            error: request.error_detail.map(|status| status.message),
        },
    );
    if let Some(refusal) = refusal {
        session.refused(kind, &refusal);
    }
}

fn encode(response: delta::Response) -> discovery::DeltaDiscoveryResponse {
    let resources = response
        .resources
        .into_iter()
        .map(|(name, resource)| discovery::Resource {
            name,
            version: resource.version,
            resource: Some(resource.body),
            ..Default::default()
        });
    discovery::DeltaDiscoveryResponse {
        system_version_info: response.version,
        resources: resources.collect(),
        removed_resources: response.removed,
        type_url: response.kind.type_url().to_owned(),
        nonce: response.nonce,
        ..Default::default()
    }
}
