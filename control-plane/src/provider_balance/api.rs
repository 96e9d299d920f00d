//! How each provider is asked, and how it answers.

use std::time::Duration;

use serde_json::Value;
use tollgate_policy::price::NanoUsd;
use url::Url;

use super::BalanceError;
use crate::domain::{ChannelBalance, PublishedChannel};
use crate::outbound::{self, Call, Reach};

/// Those that tell a balance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Api {
    /// What OpenAI had, and whoever is like it still has: `/dashboard/billing/…`.
    OpenAi,
    /// <https://openrouter.ai/docs/api-reference/get-credits>
    OpenRouter,
    /// <https://platform.moonshot.cn/docs/api/misc>
    Moonshot,
    /// <https://api-docs.deepseek.com/api/get-user-balance>
    DeepSeek,
    /// <https://docs.siliconflow.cn/en/api-reference/userinfo/get-user-info>
    SiliconFlow,
}

const PATIENCE: Duration = Duration::from_secs(10);

/// Days of use that are asked for; more are refused.
const DAYS: i64 = 99;

impl Api {
    /// By type of channel.
    pub(super) fn of(kind: i64) -> Option<Self> {
        match kind {
            1 => Some(Self::OpenAi),
            20 => Some(Self::OpenRouter),
            25 => Some(Self::Moonshot),
            36 => Some(Self::DeepSeek),
            43 => Some(Self::SiliconFlow),
            _ => None,
        }
    }

    /// What is left; when that was is not said.
    pub(super) async fn ask(
        self,
        channel: &PublishedChannel,
        reach: Reach,
    ) -> Result<ChannelBalance, BalanceError> {
        let base = base_url(channel).ok_or(BalanceError::NoApi)?;
        let key = channel.key.expose();
        let get = async |path: &str| {
            let url = Url::parse(&format!("{base}{path}")).map_err(|_| BalanceError::NoApi)?;
            let call = Call::get(&url, reach)
                .through(channel.proxy.as_ref())
                .header("authorization", format!("Bearer {key}"))
                .within(PATIENCE);
            let (status, body) = outbound::call(call).await?;
            if !status.is_success() {
                return Err(BalanceError::Status(status.as_u16()));
            }
            serde_json::from_slice::<Value>(&body).map_err(|_| BalanceError::Answer)
        };
        let said = match self {
            Self::OpenAi => {
                let granted = get("/dashboard/billing/subscription").await?;
                let used = get(&format!("/dashboard/billing/usage?{}", days())).await?;
                openai(&granted, &used)
            }
            Self::OpenRouter => openrouter(&get("/credits").await?),
            Self::Moonshot => moonshot(&get("/users/me/balance").await?),
            Self::DeepSeek => deepseek(&get("/user/balance").await?),
            Self::SiliconFlow => siliconflow(&get("/user/info").await?),
        };
        let (amount, currency) = said.ok_or(BalanceError::Answer)?;
        Ok(ChannelBalance {
            amount: NanoUsd(amount),
            currency,
            updated_at_ms: 0,
        })
    }
}

/// Without a slash at its end. `DeepSeek` has its balance above the version of its dialect.
fn base_url(channel: &PublishedChannel) -> Option<String> {
    let provider = tollgate_catalog::builtin().provider(channel.kind)?;
    let own = channel.base_url.as_ref().map(ToString::to_string);
    let base = own.or_else(|| provider.base_url.clone())?;
    let base = base.trim_end_matches('/');
    let base = match Api::of(channel.kind)? {
        Api::DeepSeek => base.strip_suffix("/v1").unwrap_or(base),
        _ => base,
    };
    Some(base.to_owned())
}

fn days() -> String {
    let today = jiff::Timestamp::now()
        .to_zoned(jiff::tz::TimeZone::UTC)
        .date();
    let first = today.saturating_sub(jiff::Span::new().days(DAYS));
    let next = today.saturating_add(jiff::Span::new().days(1));
    format!("start_date={first}&end_date={next}")
}

type Said = Option<(i64, String)>;

fn openai(granted: &Value, used: &Value) -> Said {
    let granted = amount(granted.get("hard_limit_usd")?)?;
    // In hundredths of a dollar.
    let used = amount(used.get("total_usage")?)? / 100;
    Some((granted.saturating_sub(used), "USD".into()))
}

fn openrouter(said: &Value) -> Said {
    let data = said.get("data")?;
    let bought = amount(data.get("total_credits")?)?;
    let used = amount(data.get("total_usage")?)?;
    Some((bought.saturating_sub(used), "USD".into()))
}

fn moonshot(said: &Value) -> Said {
    let left = amount(said.get("data")?.get("available_balance")?)?;
    Some((left, "CNY".into()))
}

fn deepseek(said: &Value) -> Said {
    let all = said.get("balance_infos")?.as_array()?;
    let read = |info: &Value| {
        let left = amount(info.get("total_balance")?)?;
        Some((left, info.get("currency")?.as_str()?.to_owned()))
    };
    // An account may have several, and all but one of them empty.
    let mut all: Vec<(i64, String)> = all.iter().filter_map(read).collect();
    all.sort_by_key(|(left, _)| std::cmp::Reverse(*left));
    let (left, currency) = all.into_iter().next()?;
    Some((left, currency.chars().take(8).collect()))
}

fn siliconflow(said: &Value) -> Said {
    let data = said.get("data")?;
    let left = data.get("totalBalance").or_else(|| data.get("balance"))?;
    Some((amount(left)?, "CNY".into()))
}

/// A number, or a text with one, in billionths; what is finer is cut off.
fn amount(value: &Value) -> Option<i64> {
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        _ => return None,
    };
    let text = match text.split_once('.') {
        Some((whole, fraction)) if fraction.bytes().all(|it| it.is_ascii_digit()) => {
            let fraction: String = fraction.chars().take(9).collect();
            format!("{whole}.{fraction}")
        }
        _ => text,
    };
    text.parse::<NanoUsd>()
        .ok()
        .map(|amount| amount.0)
        .or_else(|| negative(&text))
}

/// Whoever owes something.
fn negative(text: &str) -> Option<i64> {
    let owed: NanoUsd = text.strip_prefix('-')?.parse().ok()?;
    Some(-owed.0)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_they_say() {
        let cases = [
            (
                openai(
                    &json!({"hard_limit_usd": 120}),
                    &json!({"total_usage": 1234.5}),
                ),
                Some((107_655_000_000, "USD")),
            ),
            (openai(&json!({}), &json!({"total_usage": 1})), None),
            (
                openrouter(&json!({"data": {"total_credits": 10.5, "total_usage": 0.1234567891}})),
                Some((10_376_543_211, "USD")),
            ),
            (
                moonshot(&json!({"code": 0, "data": {"available_balance": 49.58894}})),
                Some((49_588_940_000, "CNY")),
            ),
            (
                moonshot(&json!({"data": {"available_balance": -1.5}})),
                Some((-1_500_000_000, "CNY")),
            ),
            (
                deepseek(&json!({"is_available": true, "balance_infos": [
                    {"currency": "CNY", "total_balance": "0.00"},
                    {"currency": "USD", "total_balance": "110.01"},
                ]})),
                Some((110_010_000_000, "USD")),
            ),
            (deepseek(&json!({"balance_infos": []})), None),
            (
                siliconflow(&json!({"data": {"balance": "0.88", "totalBalance": "88.00"}})),
                Some((88_000_000_000, "CNY")),
            ),
            (siliconflow(&json!({"data": {"balance": "much"}})), None),
        ];
        for (said, expected) in cases {
            let expected = expected.map(|(amount, currency)| (amount, currency.to_owned()));
            assert_eq!(said, expected);
        }
    }
}
