//! Streams: what is added before the first piece of text, and to each further one.
//!
//! The upstream writes into every piece at what time it left; the upstream and the caller are one
//! process, so the difference at arrival is what Envoy, and Tollgate in it, took.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::load::{Head, Target};
use crate::upstream::{PIECES, now_micros};

/// Streams that run at the same time.
const CONNECTIONS: usize = 16;

#[derive(Default)]
pub(crate) struct Measured {
    /// From the request's first byte to the first piece of text.
    pub(crate) first: Vec<Duration>,
    /// From a piece leaving the upstream to its arrival.
    pub(crate) pieces: Vec<Duration>,
    pub(crate) calls: u64,
}

pub(crate) async fn run(target: &Target, seconds: f64) -> anyhow::Result<Measured> {
    let request: Arc<[u8]> = target.request.clone().into();
    let until = Instant::now() + Duration::from_secs_f64(seconds);
    let workers: Vec<_> = (0..CONNECTIONS)
        .map(|_| {
            let (address, request) = (target.address, Arc::clone(&request));
            tokio::spawn(async move {
                let mut stream = TcpStream::connect(address).await?;
                stream.set_nodelay(true)?;
                let mut measured = Measured::default();
                while Instant::now() < until {
                    one(&mut stream, &request, &mut measured).await?;
                }
                anyhow::Ok(measured)
            })
        })
        .collect();
    let mut all = Measured::default();
    for worker in workers {
        let one = worker.await.context("a caller broke")??;
        all.first.extend(one.first);
        all.pieces.extend(one.pieces);
        all.calls += one.calls;
    }
    Ok(all)
}

async fn one(
    stream: &mut TcpStream,
    request: &[u8],
    measured: &mut Measured,
) -> anyhow::Result<()> {
    let began = Instant::now();
    stream.write_all(request).await?;
    let mut buffer = Vec::with_capacity(16 << 10);
    let (mut scanned, mut seen, mut head) = (0, 0, None);
    loop {
        if stream.read_buf(&mut buffer).await? == 0 {
            bail!("a stream was cut: {}", String::from_utf8_lossy(&buffer));
        }
        let arrived = now_micros();
        if head.is_none() {
            head = Head::of(&buffer)?;
        }
        while let Some((stamp, end)) = next_stamp(&buffer[scanned..]) {
            scanned += end;
            seen += 1;
            measured
                .pieces
                .push(Duration::from_micros(arrived.saturating_sub(stamp)));
            if seen == 1 {
                measured.first.push(began.elapsed());
            }
        }
        if buffer.ends_with(b"0\r\n\r\n") {
            break;
        }
    }
    measured.calls += 1;
    if seen != PIECES {
        bail!(
            "{seen} of {PIECES} pieces: {}",
            String::from_utf8_lossy(&buffer)
        );
    }
    Ok(())
}

/// The first `@123456;` and where it ends.
fn next_stamp(bytes: &[u8]) -> Option<(u64, usize)> {
    let begin = bytes.iter().position(|b| *b == b'@')?;
    let length = bytes[begin..].iter().position(|b| *b == b';')?;
    let digits = std::str::from_utf8(&bytes[begin + 1..begin + length]).ok()?;
    Some((digits.parse().ok()?, begin + length + 1))
}
