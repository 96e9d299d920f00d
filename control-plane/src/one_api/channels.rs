//! Channels. What one-api calls an address is one without the version's path; here it is with it.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::{Map, Value, json};
use tollgate_catalog::builtin;
use url::Url;

use super::{parts, shortened};
use crate::store::ChannelRow;

/// A type of one-api's, its number there, and what it is here.
struct Kind {
    theirs: i64,
    ours: i64,
    /// Where it is if nothing is said; empty: nowhere.
    home: &'static str,
}

const fn kind(theirs: i64, ours: i64, home: &'static str) -> Kind {
    Kind { theirs, ours, home }
}

const OPENAI_COMPATIBLE: i64 = 1000;
const AZURE: i64 = 4;
const AWS: i64 = 33;
const CLOUDFLARE: i64 = 37;
const VERTEX: i64 = 42;

/// Types that have the same protocol here. Those that are missing have another one, or are gone.
const KINDS: [Kind; 37] = [
    kind(1, 1, "https://api.openai.com"),
    kind(2, OPENAI_COMPATIBLE, "https://oa.api2d.net"),
    kind(3, AZURE, ""),
    kind(4, OPENAI_COMPATIBLE, "https://api.closeai-proxy.xyz"),
    kind(5, OPENAI_COMPATIBLE, "https://api.openai-sb.com"),
    kind(6, OPENAI_COMPATIBLE, "https://api.openaimax.com"),
    kind(7, OPENAI_COMPATIBLE, "https://api.ohmygpt.com"),
    kind(8, OPENAI_COMPATIBLE, ""),
    kind(9, OPENAI_COMPATIBLE, "https://api.caipacity.com"),
    kind(10, OPENAI_COMPATIBLE, "https://api.aiproxy.io"),
    kind(12, OPENAI_COMPATIBLE, "https://api.api2gpt.com"),
    kind(13, OPENAI_COMPATIBLE, "https://api.aigc2d.com"),
    kind(14, 14, "https://api.anthropic.com"),
    kind(16, 16, "https://open.bigmodel.cn"),
    kind(17, 17, "https://dashscope.aliyuncs.com"),
    kind(19, 19, "https://ai.360.cn"),
    kind(20, 20, "https://openrouter.ai/api"),
    kind(24, 24, "https://generativelanguage.googleapis.com"),
    kind(25, 25, "https://api.moonshot.cn"),
    kind(26, 26, "https://api.baichuan-ai.com"),
    kind(27, 27, "https://api.minimax.chat"),
    kind(28, 28, "https://api.mistral.ai"),
    kind(29, 29, "https://api.groq.com/openai"),
    kind(30, 30, "http://localhost:11434"),
    kind(31, 31, "https://api.lingyiwanwu.com"),
    kind(32, 32, "https://api.stepfun.com"),
    kind(AWS, AWS, ""),
    kind(35, 35, "https://api.cohere.ai"),
    kind(36, 36, "https://api.deepseek.com"),
    kind(CLOUDFLARE, CLOUDFLARE, "https://api.cloudflare.com"),
    kind(39, 1005, "https://api.together.xyz"),
    kind(40, 40, "https://ark.cn-beijing.volces.com"),
    kind(41, 41, "https://api.novita.ai/v3/openai"),
    kind(VERTEX, VERTEX, ""),
    kind(44, 43, "https://api.siliconflow.cn"),
    kind(45, 45, "https://api.x.ai"),
    kind(47, 13, "https://qianfan.baidubce.com"),
];

/// Likewise, of those whose address has always been the whole one.
const WHOLE: [Kind; 4] = [
    kind(48, 18, "https://spark-api-open.xf-yun.com"),
    kind(49, 17, "https://dashscope.aliyuncs.com"),
    kind(50, OPENAI_COMPATIBLE, ""),
    kind(
        51,
        12,
        "https://generativelanguage.googleapis.com/v1beta/openai",
    ),
];

/// What some types keep beside the key.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Config {
    region: String,
    ak: String,
    sk: String,
    user_id: String,
    vertex_ai_adc: String,
}

const LONGEST_NAME: usize = 64;
/// Of a channel that the others wait for; the greatest there is.
const FIRST: i64 = 1_000_000;

/// Channels as a document has them.
pub(super) fn channels(rows: &[ChannelRow], left_out: &mut Vec<String>) -> Vec<Value> {
    let priorities: BTreeSet<i64> = rows.iter().map(|row| row.priority).collect();
    let mut channels = Vec::new();
    for row in rows {
        let what = format!("channel {} ({:?})", row.id, row.name);
        match channel(row, left_out) {
            Ok(mut channel) => {
                // A channel of ours may have the name alone.
                let name = format!("one-api {}: {}", row.id, row.name);
                let name = shortened(&name, LONGEST_NAME);
                channel.insert("name".into(), name.into());
                let priority = weight(&priorities, row.priority);
                channel.insert("priority".into(), priority.into());
                channels.push(Value::Object(channel));
            }
            Err(why) => left_out.push(format!("{what}: {why}")),
        }
        if !row.system_prompt.trim().is_empty() {
            left_out.push(format!("{what}: its system prompt has no place here"));
        }
    }
    channels
}

/// There, a channel is tried when those of higher priority have failed; here, channels get calls in
/// proportion. A hundredfold for each step is nearly the same.
fn weight(priorities: &BTreeSet<i64>, priority: i64) -> i64 {
    let below = priorities.range(..priority).count();
    let steps = u32::try_from(below).unwrap_or(u32::MAX);
    100_i64
        .checked_pow(steps)
        .and_then(|factor| factor.checked_mul(10))
        .unwrap_or(FIRST)
        .min(FIRST)
}

fn channel(row: &ChannelRow, left_out: &mut Vec<String>) -> Result<Map<String, Value>, String> {
    let whole = WHOLE.iter().find(|kind| kind.theirs == row.kind);
    let kind = KINDS.iter().find(|kind| kind.theirs == row.kind).or(whole);
    let kind = kind.ok_or_else(|| format!("there is no type like its type {}", row.kind))?;
    let config: Config = match row.config.expose().trim() {
        "" => Config::default(),
        text => serde_json::from_str(text).map_err(|_| "its config is not JSON".to_owned())?,
    };
    let mut key = row.key.expose().trim().to_owned();
    let mut configs = json!({});
    let mut base_url = base_url(row, kind, whole.is_some())?;
    match kind.ours {
        AZURE => {
            let resource = resource(&row.base_url)
                .ok_or("its address is not https://<resource>.openai.azure.com")?;
            configs = json!({ "resource_name": resource });
            base_url = None;
        }
        AWS => {
            key = [&config.region, &config.ak, &config.sk]
                .map(|it| it.trim())
                .join("|")
        }
        VERTEX => key = format!("{}|{}", config.region.trim(), config.vertex_ai_adc.trim()),
        CLOUDFLARE => configs = json!({ "account_id": config.user_id.trim() }),
        _ => {}
    }
    let mut keys = key.lines().map(str::trim).filter(|key| !key.is_empty());
    let first = keys.next().unwrap_or_default().to_owned();
    if keys.next().is_some() && kind.ours != VERTEX {
        left_out.push(format!(
            "channel {} ({:?}): only the first of its keys was taken",
            row.id, row.name
        ));
        key = first;
    }
    let sets = match parts(&row.groups) {
        sets if sets.is_empty() => vec!["default".to_owned()],
        sets => sets,
    };
    let channel = json!({
        "type": kind.ours, "key": key, "base_url": base_url.unwrap_or_default(),
        "models": parts(&row.models), "model_mapping": mapping(row)?, "configs": configs,
        "sets": sets, "status": if row.status == 1 { 1 } else { 2 },
    });
    match channel {
        Value::Object(channel) => Ok(channel),
        _ => Err("it has no form".into()),
    }
}

fn mapping(row: &ChannelRow) -> Result<BTreeMap<String, String>, String> {
    match row.model_mapping.trim() {
        "" => Ok(BTreeMap::new()),
        text => serde_json::from_str(text).map_err(|_| "its model_mapping is not JSON".to_owned()),
    }
}

/// The address as it is here; `None`: the type's own.
fn base_url(row: &ChannelRow, kind: &Kind, whole: bool) -> Result<Option<String>, String> {
    let told = row.base_url.trim().trim_end_matches('/');
    let own = builtin()
        .provider(kind.ours)
        .and_then(|provider| provider.base_url.as_deref());
    if told.is_empty() || told == kind.home {
        if own.is_some() {
            return Ok(None);
        }
        if told.is_empty() && kind.home.is_empty() {
            return Err("it has no address".into());
        }
    }
    let told = if told.is_empty() { kind.home } else { told };
    if whole {
        return Ok(Some(told.to_owned()));
    }
    // Behind what both know of its path.
    let path = own.map_or("/v1", path_of);
    let rest = path.strip_prefix(path_of(kind.home)).unwrap_or(path);
    let url = match told.ends_with(rest) {
        true => told.to_owned(),
        false => format!("{told}{rest}"),
    };
    Ok(Some(url))
}

fn path_of(url: &str) -> &str {
    let behind = url.split_once("://").map_or(url, |(_, behind)| behind);
    behind
        .find('/')
        .and_then(|at| behind.get(at..))
        .unwrap_or_default()
}

fn resource(base_url: &str) -> Option<String> {
    let url = Url::parse(base_url.trim()).ok()?;
    let name = url.host_str()?.strip_suffix(".openai.azure.com")?;
    Some(name.to_owned())
}
