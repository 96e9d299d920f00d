//! Rate limits that all gateways count together, in Redis.
//!
//! Without Redis each gateway keeps its part of every limit ([`crate::meter`]). With it, a gateway asks
//! here before it routes a call that is under a limit per minute, and the call is counted in with all
//! of its limits or with none, by Redis' own clock, in one script: so over all gateways and control
//! planes exactly the limit passes. What the call used in the end comes with its usage, and corrects
//! what it had reserved. How many calls are under way at once stays the gateways' own matter.
//!
//! Redis may be away. Then gateways are told so, at once for a while after each failure, and keep their
//! parts until it is back.

mod service;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, bail};
use prost::Message;
use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use redis::{Client, IntoConnectionInfo, Script, TlsCertificates};
use tokio::time::Instant;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tollgate_config::together::{Admitted, Counted, Rates};
use tollgate_policy::limits::{Rate, Standing};

use crate::secrets::Secret;

/// A call of a model waits for it.
const TIMEOUT: Duration = Duration::from_millis(500);

/// After a failure nobody waits for Redis for so long.
const AWAY: Duration = Duration::from_secs(1);

/// A token, an address, an end user and a model have limits.
const RATES_MAX: usize = 8;

/// Cloning shares it.
#[derive(Clone)]
pub struct Windows(Arc<Shared>);

struct Shared {
    prefix: String,
    /// Made when it is first needed, and again by itself.
    connection: ConnectionManager,
    admit: Script,
    correct: Script,
    away_until: Mutex<Option<Instant>>,
}

/// Of a usage event, what is of interest here: the other fields are passed over.
#[derive(Clone, PartialEq, Message)]
struct Used {
    #[prost(string, tag = "1")]
    id: String,
    #[prost(message, optional, tag = "80")]
    counted: Option<Counted>,
}

/// Redis does not answer.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Away(String);

impl Windows {
    /// Does not connect yet. It is to be called in a Tokio runtime. With `rediss://`, the server's
    /// certificate is checked with these authorities (PEM), or else with the system's.
    ///
    /// # Errors
    /// When the address is none, or there are no certificates in the PEM. What it says holds no
    /// password.
    pub fn new(url: &Secret, prefix: &str, authorities: Option<Vec<u8>>) -> anyhow::Result<Self> {
        let config = ConnectionManagerConfig::new()
            .set_connection_timeout(Some(TIMEOUT))
            .set_response_timeout(Some(TIMEOUT))
            .set_number_of_retries(1);
        let connection = client(url, authorities)?;
        let connection = ConnectionManager::new_lazy_with_config(connection, config)
            .ok()
            .context(NO_ADDRESS)?;
        Ok(Self(Arc::new(Shared {
            prefix: prefix.to_owned(),
            connection,
            admit: Script::new(include_str!("windows/admit.lua")),
            correct: Script::new(include_str!("windows/correct.lua")),
            away_until: Mutex::default(),
        })))
    }

    /// Counts a call in, unless one of its limits refuses it, or it is only asked whether it would.
    ///
    /// # Errors
    /// When Redis is away. Then it is counted nowhere, or nobody knows.
    pub async fn admit(&self, asked: &Counted) -> Result<Admitted, Away> {
        self.admit_at(asked, 0).await
    }

    /// Counts nothing, to see whether it could.
    ///
    /// # Errors
    /// When Redis is away, or does as nobody may ask it.
    pub async fn try_out(&self) -> Result<(), Away> {
        self.admit(&Counted::default()).await.map(|_| ())
    }

    /// As if it were that time; 0: by Redis' clock.
    async fn admit_at(&self, asked: &Counted, now_ms: i64) -> Result<Admitted, Away> {
        let rates = asked.rates.get(..RATES_MAX).unwrap_or(&asked.rates);
        let mut call = self.0.admit.prepare_invoke();
        call.arg(now_ms).arg(asked.tokens);
        for rates in rates {
            call.key(self.key(rates)).arg(rates.rpm).arg(rates.tpm);
        }
        call.arg(u8::from(asked.is_void));
        let mut connection = self.0.connection.clone();
        let answer: Vec<i64> = self.limited(call.invoke_async(&mut connection)).await?;
        read(rates, &answer).ok_or_else(|| Away("it answers something else".to_owned()))
    }

    /// Corrects what calls have taken by what these usage events say that they used. What cannot be
    /// corrected runs out by itself.
    pub(crate) async fn correct_encoded(&self, events: &[Vec<u8>]) {
        for event in events {
            let Ok(used) = Used::decode(event.as_slice()) else {
                continue;
            };
            if let Some(counted) = used.counted.filter(|_| !used.id.is_empty())
                && let Err(error) = self.correct(&used.id, &counted).await
            {
                tracing::warn!(%error, "Redis does not hear what calls have used");
                return;
            }
        }
    }

    async fn correct(&self, id: &str, counted: &Counted) -> Result<(), Away> {
        self.correct_at(id, counted, 0).await
    }

    async fn correct_at(&self, id: &str, counted: &Counted, now_ms: i64) -> Result<(), Away> {
        let rates = counted.rates.get(..RATES_MAX).unwrap_or(&counted.rates);
        let mut call = self.0.correct.prepare_invoke();
        call.key(format!("{}:limit:corrected:{id}", self.0.prefix));
        call.arg(now_ms).arg(counted.tokens).arg(counted.at_ms);
        call.arg(counted.used).arg(u8::from(counted.is_void));
        for rates in rates {
            call.key(self.key(rates)).arg(rates.rpm).arg(rates.tpm);
        }
        let mut connection = self.0.connection.clone();
        self.limited(call.invoke_async(&mut connection)).await
    }

    fn key(&self, rates: &Rates) -> String {
        format!("{}:limit:{:016x}", self.0.prefix, rates.key)
    }

    /// Does something with Redis, but not for long, and not right after it failed.
    async fn limited<T>(
        &self,
        work: impl Future<Output = redis::RedisResult<T>>,
    ) -> Result<T, Away> {
        let away_until = || {
            self.0
                .away_until
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
        };
        if away_until().is_some_and(|until| Instant::now() < until) {
            return Err(Away("it did not answer a moment ago".to_owned()));
        }
        let error = match tokio::time::timeout(TIMEOUT, work).await {
            Ok(Ok(done)) => {
                if away_until().take().is_some() {
                    tracing::info!("Redis is back");
                }
                return Ok(done);
            }
            Ok(Err(error)) => error.to_string(),
            Err(_) => format!("no answer within {TIMEOUT:?}"),
        };
        if away_until().replace(Instant::now() + AWAY).is_none() {
            tracing::error!(%error, "Redis is away: each gateway keeps its part of every limit");
        }
        Err(Away(error))
    }
}

const NO_ADDRESS: &str = "REDIS_URL is not an address such as redis://user:password@host:6379/0, \
    rediss://… (with TLS) or unix:///path";

fn client(url: &Secret, authorities: Option<Vec<u8>>) -> anyhow::Result<Client> {
    let address = url.expose().into_connection_info().ok();
    let address = address.context(NO_ADDRESS)?;
    let Some(authorities) = authorities else {
        return Client::open(address).ok().context(NO_ADDRESS);
    };
    if !are_certificates(&authorities) {
        bail!("REDIS_CA_FILE holds no certificates, or one that cannot be read");
    }
    let certificates = TlsCertificates {
        client_tls: None,
        root_cert: Some(authorities),
    };
    Client::build_with_tls(address, certificates)
        .ok()
        .context("REDIS_CA_FILE is of use with rediss:// only, and must hold authorities (PEM)")
}

fn are_certificates(pem: &[u8]) -> bool {
    let mut there = CertificateDer::pem_slice_iter(pem).peekable();
    there.peek().is_some() && there.all(|certificate| certificate.is_ok())
}

impl std::fmt::Debug for Windows {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Windows").finish_non_exhaustive()
    }
}

/// What a gateway is told of the script's answer.
fn read(rates: &[Rates], answer: &[i64]) -> Option<Admitted> {
    let whole = |number: &i64| u64::try_from(*number).ok();
    let [refused_by, for_tokens, wait_ms, at_ms, levels @ ..] = answer else {
        return None;
    };
    let refused_by = whole(refused_by)?;
    let shown = match usize::try_from(refused_by).ok()? {
        0 => rates,
        place => rates.get(place - 1..place)?,
    };
    let mut standing = Standing::default();
    for (rates, level) in shown.iter().zip(levels.chunks_exact(2)) {
        let [requests, tokens] = level else { continue };
        let rate = |limit, level| (limit > 0).then(|| Rate::of(limit, level));
        standing = standing.tightest(Standing {
            requests: rate(rates.rpm, whole(requests)?),
            tokens: rate(rates.tpm, whole(tokens)?),
        });
    }
    let requests = standing.requests.unwrap_or(Rate::NONE);
    let tokens = standing.tokens.unwrap_or(Rate::NONE);
    Some(Admitted {
        at_ms: *at_ms,
        refused_by,
        for_tokens: *for_tokens != 0,
        wait_ms: whole(wait_ms)?,
        requests: requests.limit,
        requests_left: requests.remaining,
        requests_reset_ms: requests.reset_ms,
        tokens: tokens.limit,
        tokens_left: tokens.remaining,
        tokens_reset_ms: tokens.reset_ms,
    })
}

#[cfg(test)]
mod tests;
