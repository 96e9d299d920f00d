//! Calls that the control plane makes itself, to addresses that somebody typed.
//!
//! An address from a key file or a form must not become a way into the operator's own network, so
//! the guard stands where the connection is made: the name is resolved here, every address that is
//! not public is left out, and the connection goes to one of the rest. No redirect is followed.
//! Through a proxy, which only administrators can name, it is the proxy that resolves the name: then
//! the guard knows addresses alone, and what keeps a call from going astray is the certificate.

mod guard;
mod hosts;
mod tunnel;

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};
use tokio_util::task::AbortOnDropHandle;
use url::{Host, Url};

use crate::domain::ProxyUrl;
use guard::is_public;

pub use hosts::Hosts;

/// What may be called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// Public addresses, over TLS.
    Public,
    /// Whatever it is: the operator's own configuration names it.
    Anywhere,
}

/// No answer came. It names no more of the address than its host.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    #[error("the address must begin with https://")]
    NotEncrypted,
    #[error("{0} has no public address")]
    NotPublic(String),
    #[error("{0}: {1}")]
    Io(String, io::Error),
    #[error("{0}: no answer within {1:?}")]
    Late(String, Duration),
    #[error("{0}: {1}")]
    Http(String, hyper::Error),
    #[error("{0}: the answer cannot be read")]
    Answer(String),
    #[error("the proxy {0} refuses to connect, with status {1}")]
    NoTunnel(String, u16),
}

/// For everything, unless the call says otherwise: finding the address, connecting, the whole
/// answer.
const PATIENCE: Duration = Duration::from_secs(15);

const MAX_ANSWER: usize = 256 * 1024;

/// One request.
#[derive(Debug)]
pub struct Call<'a> {
    method: Method,
    url: &'a Url,
    reach: Reach,
    proxy: Option<&'a ProxyUrl>,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
    patience: Duration,
}

/// An answer that has begun. Dropping it closes the connection.
#[derive(Debug)]
pub struct Answer {
    body: Incoming,
    _connection: AbortOnDropHandle<hyper::Result<()>>,
}

impl Answer {
    /// The next piece; `None` at the end, and where it breaks off.
    pub async fn next(&mut self) -> Option<Bytes> {
        loop {
            match self.body.frame().await?.ok()?.into_data() {
                Ok(data) => return Some(data),
                // Trailers say nothing here.
                Err(_) => continue,
            }
        }
    }

    /// All of it; `None` where it is longer, or breaks off.
    pub async fn collect(self, max_bytes: usize) -> Option<Bytes> {
        let body = Limited::new(self.body, max_bytes).collect().await;
        Some(body.ok()?.to_bytes())
    }
}

impl<'a> Call<'a> {
    #[must_use]
    pub fn get(url: &'a Url, reach: Reach) -> Self {
        Self {
            method: Method::GET,
            url,
            reach,
            proxy: None,
            headers: Vec::new(),
            body: Vec::new(),
            patience: PATIENCE,
        }
    }

    #[must_use]
    pub fn post(url: &'a Url, reach: Reach, content_type: &str, body: Vec<u8>) -> Self {
        let post = Self {
            method: Method::POST,
            body,
            ..Self::get(url, reach)
        };
        post.header("content-type", content_type.to_owned())
    }

    #[must_use]
    pub fn form(url: &'a Url, reach: Reach, form: String) -> Self {
        let form_type = "application/x-www-form-urlencoded";
        Self::post(url, reach, form_type, form.into_bytes())
    }

    /// How long to wait for the whole answer.
    #[must_use]
    pub fn within(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// Through this proxy, if there is one.
    #[must_use]
    pub fn through(self, proxy: Option<&'a ProxyUrl>) -> Self {
        Self { proxy, ..self }
    }

    #[must_use]
    pub fn header(mut self, name: &'static str, value: String) -> Self {
        self.headers.push((name, value));
        self
    }
}

/// Calls and reads the whole answer.
///
/// # Errors
/// When no answer comes, or the address is none that may be called.
pub async fn call(call: Call<'_>) -> Result<(StatusCode, Bytes), CallError> {
    let host = call.url.host_str().unwrap_or_default().to_owned();
    let patience = call.patience;
    let exchange = async {
        let (status, answer) = open(call).await?;
        let body = answer.collect(MAX_ANSWER).await;
        let body = body.ok_or_else(|| CallError::Answer(host.clone()))?;
        Ok((status, body))
    };
    let late = |_| CallError::Late(host.clone(), patience);
    tokio::time::timeout(patience, exchange)
        .await
        .map_err(late)?
}

/// Calls, and gives the answer as soon as it begins.
///
/// # Errors
/// When none begins, or the address is none that may be called.
pub async fn open(call: Call<'_>) -> Result<(StatusCode, Answer), CallError> {
    let host = call.url.host_str().unwrap_or_default().to_owned();
    if call.reach == Reach::Public && call.url.scheme() != "https" {
        return Err(CallError::NotEncrypted);
    }
    let patience = call.patience;
    let late = |_| CallError::Late(host.clone(), patience);
    let exchange = exchange(call, &host);
    tokio::time::timeout(patience, exchange)
        .await
        .map_err(late)?
}

async fn exchange(call: Call<'_>, host: &str) -> Result<(StatusCode, Answer), CallError> {
    let failed = |error| CallError::Io(host.to_owned(), error);
    let stream = match call.proxy {
        Some(proxy) => {
            if call.reach == Reach::Public && is_no_public_address(call.url) {
                return Err(CallError::NotPublic(host.to_owned()));
            }
            let port = call.url.port_or_known_default().unwrap_or_default();
            tunnel::open(proxy, host, port).await?
        }
        None => direct(&call, host).await?,
    };
    let stream = match call.url.scheme() {
        "https" => encrypted(stream, host).await.map_err(failed)?,
        _ => stream,
    };
    send(stream, call, host).await
}

/// A connection, whatever is below it.
trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

async fn direct(call: &Call<'_>, host: &str) -> Result<Box<dyn Stream>, CallError> {
    let failed = |error| CallError::Io(host.to_owned(), error);
    let addresses = addresses(call.url, call.reach).await.map_err(failed)?;
    if addresses.is_empty() {
        return Err(CallError::NotPublic(host.to_owned()));
    }
    let stream = TcpStream::connect(addresses.as_slice()).await;
    Ok(Box::new(stream.map_err(failed)?))
}

async fn encrypted(stream: impl Stream + 'static, host: &str) -> io::Result<Box<dyn Stream>> {
    let name =
        ServerName::try_from(host.trim_matches(['[', ']']).to_owned()).map_err(io::Error::other)?;
    let stream = TlsConnector::from(tls()?).connect(name, stream).await?;
    Ok(Box::new(stream))
}

fn is_no_public_address(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => !is_public(address.into()),
        Some(Host::Ipv6(address)) => !is_public(address.into()),
        Some(Host::Domain(_)) | None => false,
    }
}

async fn addresses(url: &Url, reach: Reach) -> io::Result<Vec<SocketAddr>> {
    let port = url.port_or_known_default().unwrap_or_default();
    let found: Vec<SocketAddr> = match url.host() {
        Some(Host::Domain(name)) => tokio::net::lookup_host((name, port)).await?.collect(),
        Some(Host::Ipv4(address)) => vec![(address, port).into()],
        Some(Host::Ipv6(address)) => vec![(address, port).into()],
        None => Vec::new(),
    };
    let may = |address: &SocketAddr| reach == Reach::Anywhere || is_public(address.ip());
    Ok(found.into_iter().filter(may).collect())
}

async fn send(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    call: Call<'_>,
    host: &str,
) -> Result<(StatusCode, Answer), CallError> {
    let failed = |error| CallError::Http(host.to_owned(), error);
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream))
        .await
        .map_err(failed)?;
    let connection = AbortOnDropHandle::new(tokio::spawn(connection));
    let url = call.url;
    let authority = url
        .port()
        .map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
    let query = url
        .query()
        .map(|query| format!("?{query}"))
        .unwrap_or_default();
    let mut request = Request::builder()
        .method(call.method)
        .uri(format!("{}{query}", url.path()))
        .header("host", authority)
        .header("accept", "application/json");
    for (name, value) in call.headers {
        request = request.header(name, value);
    }
    let request = request
        .body(Full::new(Bytes::from(call.body)))
        .map_err(|_| CallError::Answer(host.to_owned()))?;
    let response = sender.send_request(request).await.map_err(failed)?;
    let status = response.status();
    let answer = Answer {
        body: response.into_body(),
        _connection: connection,
    };
    Ok((status, answer))
}

/// Trusts the authorities that Mozilla trusts.
fn tls() -> io::Result<Arc<ClientConfig>> {
    static CONFIG: OnceLock<Arc<ClientConfig>> = OnceLock::new();
    if let Some(config) = CONFIG.get() {
        return Ok(Arc::clone(config));
    }
    let roots = RootCertStore::from_iter(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    let provider = Arc::new(tokio_rustls::rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Arc::clone(CONFIG.get_or_init(|| Arc::new(config))))
}

#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
