//! `usage` as Anthropic counts: `input_tokens` is net, what was read from or
//! written to the prompt cache is told apart. In streams every report is cumulative
//! and may leave out what it does not change.

use crate::counts::{count, counts};
use crate::json::{Json, JsonWriter};
use crate::neutral::{ServiceTier, Usage};

/// The counts as they are told, the last report of each.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Told {
    input: Option<u64>,
    cache_read: Option<u64>,
    cache_write: Option<u64>,
    cache_write_5m: Option<u64>,
    cache_write_1h: Option<u64>,
    output: Option<u64>,
    thinking: Option<u64>,
    web_searches: Option<u64>,
    web_fetches: Option<u64>,
    code_runs: Option<u64>,
    tier: Option<ServiceTier>,
}

pub(super) fn of_answer(answer: Json<'_>) -> Option<Usage> {
    let usage = answer.get("usage").and_then(Json::non_null)?;
    let mut told = Told::default();
    told.update(usage);
    Some(told.usage())
}

/// The members of `usage`.
pub(super) fn members(usage: &Usage, w: &mut JsonWriter<'_>) {
    w.field_u64("input_tokens", usage.uncached_input_tokens().unwrap_or(0));
    let written = usage.cache_write_tokens().unwrap_or(0);
    w.field_u64("cache_creation_input_tokens", written);
    w.field_u64(
        "cache_read_input_tokens",
        usage.cache_read_tokens.unwrap_or(0),
    );
    if written > 0 {
        w.field_object("cache_creation", |w| {
            let short = usage.cache_write_5m_tokens.unwrap_or(0);
            let long = usage.cache_write_1h_tokens.unwrap_or(0);
            w.field_u64("ephemeral_5m_input_tokens", short);
            w.field_u64("ephemeral_1h_input_tokens", long);
        });
    }
    w.field_u64("output_tokens", usage.output_tokens.unwrap_or(0));
    if let Some(thinking) = usage.reasoning_tokens {
        w.field_object("output_tokens_details", |w| {
            w.field_u64("thinking_tokens", thinking);
        });
    }
    if usage.web_searches.is_some() || usage.web_fetches.is_some() {
        w.field_object("server_tool_use", |w| {
            w.field_u64("web_search_requests", usage.web_searches.unwrap_or(0));
            w.field_u64("web_fetch_requests", usage.web_fetches.unwrap_or(0));
        });
    }
}

// === impl Told ===

impl Told {
    pub(super) fn update(&mut self, usage: Json<'_>) {
        let [
            input,
            read,
            written,
            output,
            lifetimes,
            details,
            tools,
            speed,
            tier,
        ] = usage.members([
            "input_tokens",
            "cache_read_input_tokens",
            "cache_creation_input_tokens",
            "output_tokens",
            "cache_creation",
            "output_tokens_details",
            "server_tool_use",
            "speed",
            "service_tier",
        ]);
        let [short, long] = counts(
            lifetimes,
            ["ephemeral_5m_input_tokens", "ephemeral_1h_input_tokens"],
        );
        let [thinking] = counts(details, ["thinking_tokens"]);
        let [searches, fetches, runs] = counts(
            tools,
            [
                "web_search_requests",
                "web_fetch_requests",
                "code_execution_requests",
            ],
        );
        let reports = [
            (&mut self.input, count(input)),
            (&mut self.cache_read, count(read)),
            (&mut self.cache_write, count(written)),
            (&mut self.cache_write_5m, short),
            (&mut self.cache_write_1h, long),
            (&mut self.output, count(output)),
            (&mut self.thinking, thinking),
            (&mut self.web_searches, searches),
            (&mut self.web_fetches, fetches),
            (&mut self.code_runs, runs),
        ];
        for (told, later) in reports {
            *told = later.or(*told);
        }
        let fast = ServiceTier::of(speed);
        let fast = fast.filter(|tier| *tier == ServiceTier::Priority);
        let tier = fast.or_else(|| ServiceTier::of(tier));
        self.tier = tier.or(self.tier);
    }

    pub(super) fn usage(&self) -> Usage {
        let long = self.cache_write_1h;
        let split = match (self.cache_write_5m, long) {
            (None, None) => None,
            (short, long) => Some(short.unwrap_or(0).saturating_add(long.unwrap_or(0))),
        };
        let written = self.cache_write.max(split);
        let short = written.map(|written| written.saturating_sub(long.unwrap_or(0)));
        let gross = self.input.map(|net| {
            net.saturating_add(self.cache_read.unwrap_or(0))
                .saturating_add(written.unwrap_or(0))
        });
        Usage {
            input_tokens: gross,
            cache_read_tokens: self.cache_read,
            cache_write_5m_tokens: short,
            cache_write_1h_tokens: long,
            output_tokens: self.output,
            reasoning_tokens: self.thinking,
            web_searches: self.web_searches,
            web_fetches: self.web_fetches,
            code_runs: self.code_runs,
            service_tier: self.tier,
            ..Usage::default()
        }
    }
}
