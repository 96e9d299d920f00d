//! Connections through a proxy (CONNECT; RFC 9110, section 9.3.6).
//!
//! Whoever is at the proxy's address is asked for a tunnel and sees nothing else of the call, and
//! nothing that it says comes out, but the status with which it refuses.

use bytes::Bytes;
use http_body_util::Empty;
use hyper::client::conn::http1;
use hyper::{Method, Request};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use super::{CallError, Stream, encrypted};
use crate::domain::ProxyUrl;

/// Connects to a host, whose name is resolved by the proxy.
pub(super) async fn open(
    proxy: &ProxyUrl,
    host: &str,
    port: u16,
) -> Result<Box<dyn Stream>, CallError> {
    let name = proxy.host();
    let failed = |error| CallError::Io(name.to_owned(), error);
    let http = |error| CallError::Http(name.to_owned(), error);
    let bare = name.trim_matches(['[', ']']);
    let stream = TcpStream::connect((bare, proxy.port()))
        .await
        .map_err(failed)?;
    let stream: Box<dyn Stream> = match proxy.is_https() {
        true => encrypted(stream, name).await.map_err(failed)?,
        false => Box::new(stream),
    };
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(http)?;
    // Ends when the tunnel is there, or with the sender.
    tokio::spawn(connection.with_upgrades());
    let authority = format!("{host}:{port}");
    let mut request = Request::builder()
        .method(Method::CONNECT)
        .uri(&authority)
        .header("host", &authority);
    if let Some(authorization) = proxy.authorization() {
        request = request.header("proxy-authorization", authorization.expose());
    }
    let request = request
        .body(Empty::<Bytes>::new())
        .map_err(|_| CallError::Answer(name.to_owned()))?;
    let response = sender.send_request(request).await.map_err(http)?;
    if !response.status().is_success() {
        let status = response.status().as_u16();
        return Err(CallError::NoTunnel(name.to_owned(), status));
    }
    let upgraded = hyper::upgrade::on(response).await.map_err(http)?;
    Ok(Box::new(TokioIo::new(upgraded)))
}
