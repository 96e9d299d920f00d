//! One usage event as a log row.

use tollgate_config::meter::{Attempt, Usage, UsageEvent};
use tollgate_policy::price::{CallFacts, NanoUsd, cost};

use super::bounds::{self, MAX_ITEMS, name, owner, text};
use crate::domain::{AttemptRecord, BookedPrice, Circumstances, Draw, TokenCounts, outcome_name};
use crate::store::{NewLog, PriceBook};

pub(super) fn entry(node: &str, mut event: UsageEvent, prices: &PriceBook, now_ms: i64) -> NewLog {
    let outcome = outcome_name(event.outcome());
    let usage = bounds::usage(event.usage.unwrap_or_default());
    event.usage = Some(usage);
    let (group, model) = (owner(&event.group), name(&event.model));
    let price = price(prices, &group, &model, &event);
    let amount = price.as_ref().map_or(NanoUsd(0), |booked| {
        cost(&booked.price, &usage, event.status, booked.multiplier)
    });
    let amount = amount.min(bounds::MAX_AMOUNT);
    let circumstances = circumstances(&event);
    let attempts: Vec<_> = event
        .attempts
        .into_iter()
        .take(MAX_ITEMS)
        .map(attempt)
        .collect();
    NewLog {
        id: 0,
        request_id: name(&event.id),
        node: name(node),
        request_at_ms: event.started_unix_ms,
        created_at_ms: now_ms,
        duration_ms: event.duration_ms.max(0),
        ttfb_ms: event.first_byte_ms.map(|ms| ms.max(0)),
        token_id: event.token_id,
        token_name: owner(&event.token_name),
        group,
        model,
        method: name(&event.method),
        path: name(&event.path),
        dialect: name(&event.dialect),
        stream: event.stream,
        code: i64::from(event.status),
        outcome: outcome.to_owned(),
        content: text(&event.error),
        ip: name(&event.ip),
        user: name(&event.user),
        channel_id: attempts.last().map_or(0, |last| last.channel_id),
        attempts,
        tokens: token_counts(&usage),
        circumstances,
        upstream_id: name(&event.upstream_id),
        losses: event
            .losses
            .iter()
            .take(MAX_ITEMS)
            .map(|loss| text(loss))
            .collect(),
        price,
        amount,
        draw: Draw {
            leases: event.leases.into_iter().take(MAX_ITEMS).collect(),
            amount: NanoUsd(event.drawn_nano_usd.clamp(0, bounds::MAX_AMOUNT.0)),
            day: 0,
        },
    }
}

/// What the call costs its group, with all that it depends on.
fn price(prices: &PriceBook, group: &str, model: &str, event: &UsageEvent) -> Option<BookedPrice> {
    let quote = prices.at(group, model, event.started_unix_ms)?;
    let selected = quote.tariff.select(&CallFacts::of(event), quote.fuzzy);
    Some(BookedPrice {
        price: selected.price,
        condition: selected.condition.cloned(),
        multiplier: quote.multiplier,
        of_group: quote.of_group,
    })
}

fn token_counts(usage: &Usage) -> TokenCounts {
    // The bounds leave every count far within i64.
    let count = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
    TokenCounts {
        input: count(usage.input_tokens),
        output: count(usage.output_tokens),
        cached: count(usage.cache_read_tokens),
        cache_creation: count(usage.cache_write_5m_tokens + usage.cache_write_1h_tokens),
        reasoning: count(usage.reasoning_tokens),
        estimated: usage.estimated,
        cache_creation_1h: count(usage.cache_write_1h_tokens),
        image_input: count(usage.image_input_tokens),
        audio_input: count(usage.audio_input_tokens),
        video_input: count(usage.video_input_tokens),
        image_output: count(usage.image_output_tokens),
        audio_output: count(usage.audio_output_tokens),
        web_searches: count(usage.web_searches),
        web_fetches: count(usage.web_fetches),
        code_runs: count(usage.code_runs),
        file_searches: count(usage.file_searches),
    }
}

fn circumstances(event: &UsageEvent) -> Circumstances {
    Circumstances {
        service_tier: name(&event.service_tier),
        resolution: name(&event.resolution),
        native_resolution: name(&event.native_resolution),
        quality: name(&event.quality),
        input_media: event.input_media,
        input_video: event.input_video,
        output_audio: event.output_audio,
    }
}

fn attempt(attempt: Attempt) -> AttemptRecord {
    AttemptRecord {
        channel_id: attempt.channel_id,
        model: name(&attempt.model),
        status: attempt.status,
        started_ms: attempt.started_ms,
        headers_ms: attempt.headers_ms,
        error: text(&attempt.error),
    }
}
