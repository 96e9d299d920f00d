//! Pages of the admin API over everything that was booked: each list with each filter, alone and with
//! each other, of names that have much, little and nothing.

use std::time::Instant;

use anyhow::{Context, ensure};
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::Request;
use tollgate::admin::{State, router};
use tollgate::domain::now_unix_ms;
use tollgate::secrets::Secret;
use tollgate::store::Store;
use tower::ServiceExt;

use super::{fill, others};

/// The key of the administrator.
const KEY: &str = "a key that is for the benchmark alone";

/// How often each is asked for: PostgreSQL makes a plan for all values when it has made five.
const TIMES: usize = 7;

/// One kind of question.
pub(crate) struct Measured {
    pub(crate) what: &'static str,
    /// Each question with its milliseconds: the median, and the worst.
    pub(crate) questions: Vec<(String, f64, f64)>,
}

pub(crate) async fn run(store: &Store, address: &str) -> anyhow::Result<Vec<Measured>> {
    let api = router(State::new(store.clone(), Secret::new(KEY)));
    let user = signed_in(&api, address).await?;
    let mut measured = Vec::new();
    for (what, paths) in questions() {
        let mut questions = Vec::new();
        for path in paths {
            let key = if path.starts_with("/self/") {
                &user
            } else {
                KEY
            };
            let mut times = Vec::new();
            for _ in 0..TIMES {
                let begun = Instant::now();
                get(&api, &path, key).await?;
                times.push(begun.elapsed().as_secs_f64() * 1e3);
            }
            times.sort_by(f64::total_cmp);
            let at = |at: usize| times.get(at).copied().unwrap_or_default();
            questions.push((path, at(TIMES / 2), at(TIMES - 1)));
        }
        measured.push(Measured { what, questions });
    }
    Ok(measured)
}

/// By kind.
fn questions() -> Vec<(&'static str, Vec<String>)> {
    let now = now_unix_ms();
    let day = 86_400_000;
    let times = [
        format!("start_timestamp={}", now - 3 * 3_600_000),
        format!(
            "start_timestamp={}&end_timestamp={}",
            now - 9 * day,
            now - 8 * day
        ),
        format!("end_timestamp={}", now - 20 * day),
        format!("end_timestamp={}", now - 1_000 * day),
    ];
    let single: Vec<&str> = FILTERS
        .iter()
        .flat_map(|values| values.iter().copied())
        .collect();
    let mut pairs = Vec::new();
    for (at, first) in FILTERS.iter().enumerate() {
        for second in FILTERS.iter().skip(at + 1) {
            for (a, b) in first
                .iter()
                .flat_map(|a| second.iter().map(move |b| (a, b)))
            {
                pairs.push(format!("{a}&{b}"));
            }
        }
    }
    let timed = times.iter().flat_map(|time| {
        let some = single.iter().map(move |filter| format!("{filter}&{time}"));
        some.chain([time.clone()])
    });
    let timed: Vec<String> = timed.collect();
    let below = |front: &str, filters: &[String]| -> Vec<String> {
        filters
            .iter()
            .map(|filter| format!("{front}{filter}"))
            .collect()
    };
    let single: Vec<String> = single.into_iter().map(str::to_owned).collect();
    let of_group = ["group-0", "group-7", "group-49"].iter().flat_map(|group| {
        let filters = single.iter().filter(|filter| !filter.starts_with("group="));
        filters.map(move |filter| format!("/log/{group}?{filter}"))
    });
    let pages = [
        "page=1001",
        "per_page=100&page=1000",
        "order=id-asc",
        "order=created_at-asc&page=1001",
    ];
    let pages = pages.iter().flat_map(|page| {
        [
            "",
            "group=group-0&",
            "model_name=model-0&",
            "channel=2&",
            "code_type=error&",
            "code_type=success&",
        ]
        .map(|filter| format!("/logs/?{filter}{page}"))
    });
    let words = ["model-7", "nowhere", "failed", "10.0"]
        .iter()
        .flat_map(|word| {
            [
                "/logs/search?",
                "/logs/search?group=group-0&",
                "/logs/search?code_type=error&",
                "/log/group-7/search?",
            ]
            .map(|front| format!("{front}keyword={word}"))
        });
    let exports = single.iter().filter(|filter| !filter.contains("keyword"));
    let exports = exports.map(|filter| format!("/logs/export?max_entries=500&{filter}"));
    let own = single.iter().filter(|filter| {
        !filter.starts_with("group=")
            && !filter.starts_with("channel=")
            && !filter.starts_with("upstream")
    });
    let own = own.map(|filter| format!("/self/logs/?{filter}"));
    let own = own.chain(["/self/logs/".to_owned(), "/self/logs/?page=1001".to_owned()]);
    let usage = [
        "",
        "?model_name=model-1",
        "?token_id=1",
        "?token_id=1&model_name=model-1",
    ];
    let week = format!("/groups/ip_groups?start={}&end={now}", now - 7 * day);
    let others = OTHERS.map(str::to_owned).into_iter();
    let others = others.chain([format!("{week}&threshold=10"), week]);
    // Days of Shanghai have a third of their hours in another one of UTC, those of Auckland half.
    let sums = SUMS.iter().flat_map(|path| {
        [
            "type=day",
            "type=month",
            "type=month&timezone=Asia/Shanghai",
            "type=month&timezone=Pacific/Auckland",
        ]
        .map(|time| format!("{path}{time}"))
    });
    vec![
        ("log, one filter", below("/logs/?", &single)),
        ("log, two filters", below("/logs/?", &pairs)),
        ("log, a filter and a time", below("/logs/?", &timed)),
        ("log, later pages", pages.collect()),
        ("log, a word", words.collect()),
        ("log of a group", of_group.collect()),
        ("export, first 500 rows", exports.collect()),
        ("own log", own.collect()),
        (
            "own usage",
            usage.map(|filter| format!("/self/usage{filter}")).to_vec(),
        ),
        ("dashboards", sums.collect()),
        ("audit", audits(&times)),
        ("wallet", transactions(&times)),
        ("rankings and monitor", others.collect()),
    ]
}

/// The audit log: with each filter, each two, and a time; later pages, and words.
fn audits(times: &[String]) -> Vec<String> {
    let mut filters: Vec<String> = AUDIT_FILTERS.iter().map(|it| (*it).to_owned()).collect();
    for (at, first) in AUDIT_FILTERS.iter().enumerate() {
        let name = |filter: &'static str| filter.split('=').next();
        let others = AUDIT_FILTERS.iter().skip(at + 1);
        let others = others.filter(|second| name(second) != name(first));
        filters.extend(others.map(|second| format!("{first}&{second}")));
    }
    let timed = AUDIT_FILTERS
        .iter()
        .flat_map(|filter| times.iter().map(move |time| format!("{filter}&{time}")));
    let timed: Vec<String> = timed.chain(times.iter().cloned()).collect();
    let words = ["route-7", "nowhere", "model-19", "user-1"];
    let words = words.iter().flat_map(|word| {
        ["", "actor=user-7&", "code=409&"].map(|filter| format!("{filter}keyword={word}"))
    });
    let pages = ["", "page=1001", "per_page=100&page=1000", "order=id-asc"];
    let pages = pages.iter().map(|page| (*page).to_owned());
    let all = filters.into_iter().chain(timed).chain(words).chain(pages);
    all.map(|filter| format!("/audit_logs/?{filter}")).collect()
}

/// A wallet's transactions, as administrators and as its owner see them.
fn transactions(times: &[String]) -> Vec<String> {
    let kinds = [
        "",
        "kind=recharge&",
        "kind=usage&",
        "kind=refund&",
        "kind=deduction&",
    ];
    let timed = times.iter().map(String::as_str);
    let filters: Vec<&str> = timed
        .chain([
            "",
            "page=1001",
            "order=id-asc",
            "request_id=00000000000000000000000000000777",
            "request_id=nothing",
        ])
        .collect();
    let wallet = format!("/group/{}/wallet/transactions?", others::GROUP);
    let front = [wallet.as_str(), "/self/wallet/transactions?"];
    let mut paths = Vec::new();
    for front in front {
        for kind in kinds {
            paths.extend(
                filters
                    .iter()
                    .map(|filter| format!("{front}{kind}{filter}")),
            );
        }
    }
    paths
}

const AUDIT_FILTERS: [&str; 15] = [
    "user_id=0",
    "user_id=7",
    "user_id=99",
    "actor=user-7",
    "actor=nobody",
    "ip=10.0.0.0",
    "ip=10.0.1.7",
    "method=PUT",
    "method=DELETE",
    "method=PATCH",
    "route=/api/route-7/%7Bid%7D",
    "route=/api/nothing",
    "code=200",
    "code=409",
    "code=418",
];

/// Values of each filter: with much, with little, with nothing.
const FILTERS: &[&[&str]] = &[
    &[
        "group=group-0",
        "group=group-7",
        "group=group-49",
        "group=nobody",
    ],
    &[
        "token_name=token-0",
        "token_name=token-77",
        "token_name=nothing",
    ],
    &["token_id=1", "token_id=78", "token_id=99999"],
    &[
        "model_name=model-0",
        "model_name=model-7",
        "model_name=model-19",
        "model_name=none",
    ],
    &["channel=2", "channel=9", "channel=99"],
    &[
        "code=429",
        "code=503",
        "code=418",
        "code=200",
        "code_type=error",
        "code_type=success",
    ],
    &["user=user-0", "user=user-777", "user=nobody"],
    &["ip=10.0.0.0", "ip=10.0.1.7", "ip=10.9.9.9"],
    &[
        "request_id=00000000000000000000000000000777",
        "request_id=nothing",
    ],
    &[
        "upstream_id=req_000000000000000000000777",
        "upstream_id=nothing",
    ],
];

const SUMS: [&str; 7] = [
    "/dashboard/?",
    "/dashboard/?channel=2&",
    "/dashboard/?model=model-0&",
    "/dashboard/group-0?",
    "/dashboard/group-0?token_name=token-0&",
    "/dashboardv2/?",
    "/dashboardv3/group-0?timespan=hour&",
];

const OTHERS: [&str; 12] = [
    "/groups/ranking?type=group",
    "/groups/ranking?type=model",
    "/groups/ranking?type=channel",
    "/groups/ranking?type=group&order=request_count-asc&page=3",
    "/dashboard/group-0/models?type=month",
    "/groups/ip_groups",
    "/monitor/",
    "/monitor/models",
    "/monitor/runtime_metrics",
    "/monitor/group_token_metrics/group-0",
    "/monitor/group_model_metrics/group-0",
    "/logs/consume_error",
];

/// The access token of somebody whose group has much.
async fn signed_in(api: &Router, address: &str) -> anyhow::Result<String> {
    let post = |path: &str, body: &serde_json::Value| {
        Request::post(format!("/api{path}"))
            .header("authorization", KEY)
            .body(Body::from(body.to_string()))
    };
    let account =
        serde_json::json!({ "username": "somebody", "password": "correct horse battery" });
    let made = api.clone().oneshot(post("/users/", &account)?).await?;
    ensure!(made.status().is_success(), "no user: {}", made.status());
    fill::execute(address, "UPDATE users SET group_id = 'group-0'").await?;
    let answer = api.clone().oneshot(post("/auth/login", &account)?).await?;
    let body = to_bytes(answer.into_body(), usize::MAX).await?;
    let answer: serde_json::Value = serde_json::from_slice(&body)?;
    let token = answer
        .pointer("/data/access_token")
        .and_then(serde_json::Value::as_str)
        .map(str::to_owned);
    token.with_context(|| format!("no token in {answer}"))
}

async fn get(api: &Router, path: &str, key: &str) -> anyhow::Result<()> {
    let request = Request::get(format!("/api{path}"))
        .header("authorization", key)
        .body(Body::empty())?;
    let response = api.clone().oneshot(request).await?;
    let status = response.status();
    let body = to_bytes(response.into_body(), usize::MAX).await?;
    let text = String::from_utf8_lossy(&body);
    ensure!(status.is_success(), "{path}: {status} {text}");
    Ok(())
}
