//! Usage as gateways send it: batches of 512, the next one when the last one is on disk.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tollgate::domain::{ChannelPatch, ModelConfigPatch, TokenPatch};
use tollgate::ledger::Ledger;
use tollgate::store::{Created, Store};
use tollgate_config::meter::{Attempt, Outcome, Usage, UsageEvent};
use tollgate_policy::price::{NanoUsd, Part, Price, Rate, Tariff};

/// Gateways that send at the same time.
const GATEWAYS: u64 = 2;
/// As many as a gateway puts into a batch.
const BATCH: u64 = 512;

const GROUPS: u64 = 50;
const TOKENS: u64 = 1_000;
const MODELS: u64 = 20;
const CHANNELS: u64 = 10;

/// Ids go on from one run to the next.
static NEXT: AtomicU64 = AtomicU64::new(0);

/// What was taken.
pub(crate) struct Taken {
    events: u64,
    elapsed: Duration,
    batches: Vec<Duration>,
}

impl Taken {
    /// Events a second.
    pub(crate) fn rate(&self) -> f64 {
        self.events as f64 / self.elapsed.as_secs_f64()
    }

    /// Of the time of a batch, in milliseconds.
    pub(crate) fn percentile(&self, percent: usize) -> f64 {
        let mut sorted = self.batches.clone();
        sorted.sort();
        let at = (sorted.len() * percent / 100).min(sorted.len().saturating_sub(1));
        let time = sorted.get(at).copied().unwrap_or_default();
        time.as_secs_f64() * 1e3
    }
}

/// Books for so long.
pub(crate) async fn run(store: &Store, seconds: f64) -> anyhow::Result<Taken> {
    let tokens = Arc::new(scene(store).await?);
    let begun = Instant::now();
    let until = begun + Duration::from_secs_f64(seconds);
    let gateways: Vec<_> = (0..GATEWAYS)
        .map(|gateway| {
            let (ledger, tokens) = (Ledger::new(store.clone()), Arc::clone(&tokens));
            tokio::spawn(async move {
                let mut batches = Vec::new();
                while Instant::now() < until {
                    let events = batch(&tokens);
                    let started = Instant::now();
                    ledger.book(&format!("gateway-{gateway}"), events).await?;
                    batches.push(started.elapsed());
                }
                anyhow::Ok(batches)
            })
        })
        .collect();
    let mut batches = Vec::new();
    for gateway in gateways {
        batches.extend(gateway.await??);
    }
    Ok(Taken {
        events: batches.len() as u64 * BATCH,
        elapsed: begun.elapsed(),
        batches,
    })
}

/// Books so many rows.
pub(crate) async fn book(store: &Store, tokens: &[i64], rows: i64) -> anyhow::Result<()> {
    let ledger = Ledger::new(store.clone());
    for _ in 0..rows.unsigned_abs().div_ceil(BATCH) {
        ledger.book("gateway-0", batch(tokens)).await?;
    }
    Ok(())
}

/// Tokens, channels and priced models; gives the tokens' ids.
pub(crate) async fn scene(store: &Store) -> anyhow::Result<Vec<i64>> {
    let rate = |nano| Rate {
        price: NanoUsd(nano),
        unit: 1000,
    };
    let configs = (0..MODELS).map(|model| {
        let price = Price::FREE
            .with(Part::Input, rate(1_000_000))
            .with(Part::Output, rate(2_000_000));
        let patch = ModelConfigPatch {
            price: Some(Tariff::of(price)),
            ..ModelConfigPatch::default()
        };
        (format!("model-{model}"), patch)
    });
    store.save_model_configs(configs.collect()).await?;
    let channel = ChannelPatch {
        kind: Some(53),
        ..ChannelPatch::default()
    };
    let channels = vec![channel; CHANNELS as usize];
    store.create_channels(channels).await?;
    let mut ids = Vec::new();
    for token in 0..TOKENS {
        let patch = TokenPatch {
            name: Some(format!("token-{token}")),
            ..TokenPatch::default()
        };
        let group = format!("group-{}", token % GROUPS);
        let (Created::New(token, _) | Created::Existing(token)) =
            store.create_token(&group, patch, true, true).await?;
        ids.push(token.id);
    }
    Ok(ids)
}

fn batch(tokens: &[i64]) -> Vec<UsageEvent> {
    let first = NEXT.fetch_add(BATCH, Ordering::Relaxed);
    (first..first + BATCH).map(|id| event(id, tokens)).collect()
}

/// One in twelve fails, one in ten was tried twice. A few groups, tokens and models have most of the
/// calls, as everywhere; and not everybody uses everything: a group leaves out each fourth model, and
/// a model has three channels.
fn event(id: u64, tokens: &[i64]) -> UsageEvent {
    // Spread evenly, without chance (Knuth's multiplicative hash).
    let pick = |of: u64, salt: u64| {
        let spread = (id ^ (salt << 40)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        (spread >> 32) % of
    };
    // The cube of an even share: the first of a thousand gets a tenth.
    let skewed = |of: u64, salt: u64| {
        let share = pick(1 << 16, salt);
        (of * ((share * share * share) >> 32)) >> 16
    };
    let token = skewed(TOKENS, 1);
    let group = token / (TOKENS / GROUPS);
    let model = match skewed(MODELS, 6) {
        model if (model + group).is_multiple_of(4) => (model + 1) % MODELS,
        model => model,
    };
    let status = match pick(240, 2) {
        0..8 => 500,
        8..16 => 429,
        16..19 => 400,
        19 => 503,
        _ => 200,
    };
    let is_failed = status != 200;
    let attempt = |salt| Attempt {
        channel_id: 1 + ((model + pick(3, salt)) % CHANNELS) as i64,
        model: "upstream-model".into(),
        status,
        headers_ms: Some(200),
        ..Attempt::default()
    };
    let mut attempts = vec![attempt(3)];
    if pick(10, 4) == 0 {
        attempts.push(attempt(5));
    }
    let mut event = UsageEvent {
        id: format!("{id:032x}"),
        started_unix_ms: tollgate::domain::now_unix_ms(),
        duration_ms: 900,
        first_byte_ms: Some(250),
        token_id: usize::try_from(token)
            .ok()
            .and_then(|at| tokens.get(at).copied())
            .unwrap_or_default(),
        token_name: format!("token-{token}"),
        group: format!("group-{group}"),
        model: format!("model-{model}"),
        method: "POST".into(),
        path: "/v1/chat/completions".into(),
        dialect: "openai-chat".into(),
        status,
        error: if is_failed {
            "The upstream failed."
        } else {
            ""
        }
        .into(),
        // Most come from the one server of their token.
        ip: match pick(5, 7) {
            0 => format!("10.1.{}.{}", pick(250, 8), pick(250, 11)),
            _ => format!("10.0.{}.{}", token / 250, token % 250),
        },
        user: match pick(3, 12) {
            0 => String::new(),
            _ => format!("user-{}", skewed(5_000, 9)),
        },
        usage: Some(Usage {
            input_tokens: 1_000 + pick(5_000, 10),
            output_tokens: 200,
            ..Usage::default()
        }),
        attempts,
        upstream_id: format!("req_{id:024x}"),
        ..UsageEvent::default()
    };
    event.set_outcome(if is_failed {
        Outcome::Failed
    } else {
        Outcome::Success
    });
    event
}
