//! Users, who are groups here, and their tokens.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};
use tollgate_policy::price::NanoUsd;

use super::{parts, unique};
use crate::secrets::NewToken;
use crate::store::{Tables, TokenRow, UserRow};

/// 500,000 of them are a dollar, whatever one-api shows.
const NANO_USD_OF_QUOTA: i64 = 2_000;

const ENABLED: i64 = 1;
const DELETED: i64 = 3;
/// When a token expires that never does.
const NEVER: i64 = -1;
const LONGEST_TOKEN: usize = 32;

/// Groups as a document has them, with their tokens.
pub(super) fn groups(tables: &Tables, left_out: &mut Vec<String>) -> Vec<Value> {
    let ratios = ratios(tables, left_out);
    let mut groups = Vec::new();
    for user in tables.users.iter().filter(|user| user.status != DELETED) {
        // Not the name: a group of ours may have it, and names change.
        let id = format!("one-api-{}", user.id);
        let tokens = tokens(user, &tables.tokens, left_out);
        groups.push(group(user, &id, &ratios, tokens));
    }
    let known: BTreeSet<i64> = tables.users.iter().map(|user| user.id).collect();
    let strays = tables
        .tokens
        .iter()
        .filter(|token| !known.contains(&token.user));
    let strays = strays.count();
    if strays > 0 {
        left_out.push(format!("{strays} tokens of users who are not there"));
    }
    groups
}

fn group(user: &UserRow, id: &str, ratios: &Map<String, Value>, tokens: Vec<Value>) -> Value {
    let set = match user.group.trim() {
        "" => "default",
        set => set,
    };
    let mut group = json!({
        "id": id, "status": if user.status == ENABLED { 1 } else { 2 },
        "available_sets": [set], "opening_balance": usd(user.quota), "tokens": tokens,
    });
    if let (Some(ratio), Some(fields)) = (ratios.get(set), group.as_object_mut()) {
        fields.insert("price_multiplier".into(), ratio.clone());
    }
    group
}

fn tokens(user: &UserRow, rows: &[TokenRow], left_out: &mut Vec<String>) -> Vec<Value> {
    let mut names = BTreeSet::new();
    let mut tokens = Vec::new();
    for row in rows.iter().filter(|row| row.user == user.id) {
        let what = format!("token {} ({:?}) of {:?}", row.id, row.name, user.name);
        if NewToken::given(row.key.expose()).is_err() {
            left_out.push(format!("{what}: its key is none that is safe to keep"));
            continue;
        }
        // Here, no quota is no limit.
        let spent = !row.unlimited && row.remain_quota <= 0;
        if spent && row.status == ENABLED {
            left_out.push(format!(
                "{what}: it has nothing left and is disabled; give it a quota"
            ));
        }
        // What is not after 1970 has expired there; here, 0 is never.
        let expired = row.expires_s <= 0 && row.expires_s != NEVER;
        let enabled = row.status == ENABLED && !spent && !expired;
        let quota = if row.unlimited || spent {
            0
        } else {
            row.remain_quota
        };
        let expires_ms = match row.expires_s {
            ..=0 => 0,
            seconds => seconds.saturating_mul(1000),
        };
        tokens.push(json!({
            "name": unique(&mut names, &row.name, row.id, LONGEST_TOKEN),
            "key": row.key.expose(), "status": if enabled { 1 } else { 2 },
            "quota": usd(quota), "expires_at": expires_ms,
            "models": parts(&row.models), "subnets": parts(&row.subnets),
        }));
    }
    tokens
}

/// What each of one-api's groups pays of every price; those that pay all of it are left out.
fn ratios(tables: &Tables, left_out: &mut Vec<String>) -> Map<String, Value> {
    let option = tables.options.iter().find(|(name, _)| name == "GroupRatio");
    let Some((_, text)) = option else {
        return Map::new();
    };
    match serde_json::from_str::<Map<String, Value>>(text) {
        Ok(ratios) => ratios,
        Err(_) => {
            left_out.push("GroupRatio: it is not JSON".into());
            Map::new()
        }
    }
}

fn usd(quota: i64) -> String {
    NanoUsd(quota.max(0).saturating_mul(NANO_USD_OF_QUOTA)).to_string()
}
