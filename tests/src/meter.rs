//! A gateway that reports usage and does nothing else: as often as it likes, in any order.

use std::net::SocketAddr;

use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tollgate_config::meter::{
    FromControl, FromGateway, Hello, UsageBatch, UsageEvent, from_control, from_gateway,
};
use tollgate_config::names::{METER_METHOD, METER_SERVICE};
use tonic::client::Grpc;
use tonic::codegen::http::uri::PathAndQuery;
use tonic::transport::Channel;
use tonic_prost::ProstCodec;

use crate::eventually;

/// Reports to one control plane.
#[derive(Debug, Clone)]
pub struct Reporter {
    control: SocketAddr,
    token: String,
    node: String,
}

/// One batch of encoded events.
type Batch = Vec<Vec<u8>>;

impl Reporter {
    #[must_use]
    pub fn new(control: SocketAddr, token: &str, node: &str) -> Self {
        Self {
            control,
            token: token.into(),
            node: node.into(),
        }
    }

    /// Reports the batches in this order until all of them are booked; all of them again whenever
    /// the control plane goes away before that.
    ///
    /// # Panics
    /// When it stays away.
    #[track_caller]
    pub fn reports(&self, batches: &[Vec<UsageEvent>]) {
        let encoded: Vec<Batch> = batches
            .iter()
            .map(|batch| batch.iter().map(encode).collect())
            .collect();
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        eventually("the usage is booked", || {
            runtime.block_on(self.try_once(&encoded))
        });
    }

    async fn try_once(&self, batches: &[Batch]) -> Result<(), String> {
        let uri = format!("http://{}", self.control);
        let channel = Channel::from_shared(uri).map_err(|error| error.to_string())?;
        let channel = channel.connect().await.map_err(|error| error.to_string())?;
        let mut client = Grpc::new(channel);
        client.ready().await.map_err(|error| error.to_string())?;
        let (messages, outbound) = mpsc::channel(batches.len() + 1);
        let hello = from_gateway::Kind::Hello(Hello {
            node: self.node.clone(),
            dropped_events: 0,
        });
        let usage = batches.iter().zip(1..).map(|(events, sequence)| {
            from_gateway::Kind::Usage(UsageBatch {
                sequence,
                events: events.clone(),
                ..UsageBatch::default()
            })
        });
        let mut last = 0;
        for kind in std::iter::once(hello).chain(usage) {
            if let from_gateway::Kind::Usage(batch) = &kind {
                last = batch.sequence;
            }
            let message = FromGateway { kind: Some(kind) };
            messages
                .send(message)
                .await
                .map_err(|error| error.to_string())?;
        }
        let mut request = tonic::Request::new(ReceiverStream::new(outbound));
        let bearer = format!("Bearer {}", self.token).parse();
        request
            .metadata_mut()
            .insert("authorization", bearer.expect("printable"));
        let path = PathAndQuery::try_from(format!("/{METER_SERVICE}/{METER_METHOD}"));
        let codec = ProstCodec::<FromGateway, FromControl>::default();
        let answer = client
            .streaming(request, path.expect("a path"), codec)
            .await;
        let mut inbound = answer.map_err(|status| status.to_string())?.into_inner();
        loop {
            match inbound.message().await {
                Ok(Some(FromControl {
                    kind: Some(from_control::Kind::Ack(ack)),
                })) if ack.sequence >= last => return Ok(()),
                Ok(Some(_)) => {}
                Ok(None) => return Err("the stream ended".into()),
                Err(status) => return Err(status.to_string()),
            }
        }
    }
}

fn encode(event: &UsageEvent) -> Vec<u8> {
    use prost::Message;
    event.encode_to_vec()
}
