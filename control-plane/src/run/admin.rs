//! A client of Envoy's admin interface.

use anyhow::{Context, Result, bail};
use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper::client::conn::http1;
use hyper::{Method, Request};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};

use crate::bootstrap::EnvoyAdmin;

/// Connects anew for each request: there are few.
#[derive(Debug)]
pub(super) struct Client(EnvoyAdmin);

impl Client {
    pub(super) fn new(address: EnvoyAdmin) -> Self {
        Self(address)
    }

    pub(super) async fn post(&self, path: &str) -> Result<()> {
        self.send(Method::POST, path).await.map(drop)
    }

    /// The value of one counter or gauge.
    pub(super) async fn stat(&self, name: &str) -> Result<u64> {
        let text = self
            .send(Method::GET, &format!("/stats?filter=^{name}$"))
            .await?;
        let value = text.trim().rsplit(": ").next().unwrap_or_default();
        value
            .parse()
            .with_context(|| format!("Envoy has no stat {name}"))
    }

    async fn send(&self, method: Method, path: &str) -> Result<String> {
        match &self.0 {
            EnvoyAdmin::Socket(socket) => {
                exchange(UnixStream::connect(socket).await?, method, path).await
            }
            EnvoyAdmin::Tcp(address) => {
                let stream = TcpStream::connect((address.host.as_str(), address.port)).await?;
                exchange(stream, method, path).await
            }
        }
    }
}

async fn exchange(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    method: Method,
    path: &str,
) -> Result<String> {
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header("host", "envoy")
        .body(Empty::<Bytes>::new())?;
    let response = sender.send_request(request).await?;
    if !response.status().is_success() {
        bail!("Envoy answers {path} with {}", response.status());
    }
    let body = response.into_body().collect().await?.to_bytes();
    Ok(String::from_utf8_lossy(&body).into_owned())
}
