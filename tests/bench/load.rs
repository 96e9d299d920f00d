//! The load: so many connections, each with one call at a time, for so long.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Where the same request is sent again and again.
#[derive(Clone)]
pub(crate) struct Target {
    pub(crate) address: SocketAddr,
    /// All of it, head and body.
    pub(crate) request: Vec<u8>,
}

pub(crate) struct Measured {
    pub(crate) seconds: f64,
    /// Of every call.
    pub(crate) latencies: Vec<Duration>,
}

pub(crate) async fn run(
    target: &Target,
    connections: usize,
    seconds: f64,
) -> anyhow::Result<Measured> {
    let request: Arc<[u8]> = target.request.clone().into();
    let started = Instant::now();
    let until = started + Duration::from_secs_f64(seconds);
    let workers: Vec<_> = (0..connections)
        .map(|_| tokio::spawn(caller(target.address, Arc::clone(&request), until)))
        .collect();
    let mut latencies = Vec::new();
    for worker in workers {
        latencies.extend(worker.await.context("a caller broke")??);
    }
    Ok(Measured {
        seconds: started.elapsed().as_secs_f64(),
        latencies,
    })
}

async fn caller(
    address: SocketAddr,
    request: Arc<[u8]>,
    until: Instant,
) -> anyhow::Result<Vec<Duration>> {
    let mut stream = TcpStream::connect(address).await.context("no connection")?;
    stream.set_nodelay(true)?;
    let mut buffer = Vec::with_capacity(64 << 10);
    let mut latencies = Vec::new();
    while Instant::now() < until {
        let began = Instant::now();
        stream
            .write_all(&request)
            .await
            .context("a connection broke")?;
        answer(&mut stream, &mut buffer).await?;
        latencies.push(began.elapsed());
    }
    Ok(latencies)
}

/// Reads one answer to its end and checks its status.
async fn answer(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> anyhow::Result<()> {
    buffer.clear();
    let mut head = None;
    loop {
        if stream
            .read_buf(buffer)
            .await
            .context("an answer broke off")?
            == 0
        {
            bail!(
                "the connection was closed: {}",
                String::from_utf8_lossy(buffer)
            );
        }
        if head.is_none() {
            head = Head::of(buffer)?;
        }
        match &head {
            Some(Head {
                body,
                length: Some(length),
            }) if buffer.len() >= body + length => {
                return Ok(());
            }
            Some(Head { length: None, .. }) if buffer.ends_with(b"0\r\n\r\n") => return Ok(()),
            _ => {}
        }
    }
}

pub(crate) struct Head {
    /// Where the body begins.
    body: usize,
    /// `None`: it is chunked.
    length: Option<usize>,
}

impl Head {
    /// # Errors
    /// On any status but 2xx.
    pub(crate) fn of(buffer: &[u8]) -> anyhow::Result<Option<Self>> {
        let Some(end) = buffer.windows(4).position(|w| w == b"\r\n\r\n") else {
            return Ok(None);
        };
        let head = std::str::from_utf8(&buffer[..end])?.to_ascii_lowercase();
        if !head.starts_with("http/1.1 2") {
            bail!(
                "an answer that is not 2xx: {}",
                String::from_utf8_lossy(buffer)
            );
        }
        let length = head
            .lines()
            .find_map(|line| line.strip_prefix("content-length:"));
        let length = length.and_then(|value| value.trim().parse().ok());
        Ok(Some(Self {
            body: end + 4,
            length,
        }))
    }
}
