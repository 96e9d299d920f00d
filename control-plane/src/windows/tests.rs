use std::path::Path;
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;
use tollgate_config::meter::{Limits, UsageEvent};
use tollgate_policy::limits::{Key, Refused, Scope, Slot, Whose};

use super::*;
use crate::store::testing::Random;

mod tls;

/// A server in a temporary folder, reached through a socket there.
struct Redis {
    process: Child,
    folder: TempDir,
}

impl Redis {
    fn start() -> Option<Self> {
        let Some(server) = std::env::var_os("TOLLGATE_REDIS_SERVER").filter(|it| !it.is_empty())
        else {
            eprintln!("SKIPPED: TOLLGATE_REDIS_SERVER is not set");
            return None;
        };
        let folder = tempfile::tempdir().unwrap();
        let process = serve(Path::new(&server), folder.path(), &[]);
        Some(Self { process, folder })
    }

    fn windows(&self) -> Windows {
        let socket = self.folder.path().join("socket");
        let url = Secret::new(format!("unix://{}", socket.display()));
        Windows::new(&url, "t", None).unwrap()
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn serve(server: &Path, folder: &Path, more: &[&str]) -> Child {
    let process = Command::new(server)
        .args(["--port", "0", "--save", "", "--unixsocket", "socket"])
        .args(more)
        .current_dir(folder)
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    while std::os::unix::net::UnixStream::connect(folder.join("socket")).is_err() {
        std::thread::yield_now();
    }
    process
}

fn rates(key: u64, rpm: u64, tpm: u64) -> Rates {
    Rates { key, rpm, tpm }
}

fn call(rates: &[Rates], tokens: u64) -> Counted {
    Counted {
        rates: rates.to_vec(),
        tokens,
        ..Counted::default()
    }
}

#[tokio::test]
async fn who_only_asks_whether_takes_nothing() {
    let Some(redis) = Redis::start() else { return };
    let windows = redis.windows();
    let counted = call(&[rates(1, 1, 0), rates(2, 0, 10)], 10);
    let asked = Counted {
        is_void: true,
        ..counted.clone()
    };
    for _ in 0..3 {
        let told = windows.admit(&asked).await.unwrap();
        assert_eq!((told.refused_by, told.requests_left), (0, 0), "{told:?}");
    }
    assert_eq!(windows.admit(&counted).await.unwrap().refused_by, 0);
    assert_eq!(windows.admit(&asked).await.unwrap().refused_by, 1);
}

#[tokio::test]
async fn it_counts_as_gateways_do_by_themselves() {
    let Some(redis) = Redis::start() else { return };
    let windows = redis.windows();
    for seed in 0..30 {
        let mut random = Random(seed);
        let limits = Limits {
            rpm: random.below(4) * 7,
            tpm: 1 + random.below(3) * 5_000,
            max_concurrency: 0,
        };
        let key = Key::of(Whose::Token, &[&seed.to_le_bytes()]);
        let scope = Scope {
            whose: Whose::Token,
            key,
            limits,
        };
        let shared = [rates(seed, limits.rpm, limits.tpm)];
        let mut slot = Slot::default();
        let mut now_ms: i64 = 1_795_000_000_000;
        let mut running = Vec::new();
        for step in 0..60 {
            let what = format!("seed {seed}, step {step}");
            now_ms += i64::try_from(random.below(20_000)).unwrap();
            if random.below(3) > 0 {
                let tokens = 1 + random.below(4_000);
                let alone = scope.admit(&mut slot, tokens, (1, 0), now_ms);
                let asked = call(&shared, tokens);
                let together = windows.admit_at(&asked, now_ms).await.unwrap();
                assert_eq!(together.at_ms, now_ms);
                let is_refused = together.refused_by != 0;
                assert_eq!(alone.is_err(), is_refused, "{what}: {alone:?} {together:?}");
                let standing = match alone {
                    Ok(standing) => standing,
                    Err(Refused {
                        standing, wait_ms, ..
                    }) => {
                        assert_eq!(together.wait_ms, wait_ms, "{what}");
                        standing
                    }
                };
                let left = standing.tokens.unwrap();
                let told = (together.tokens_left, together.tokens_reset_ms);
                assert_eq!(told, (left.remaining, left.reset_ms), "{what}");
                let left = standing.requests.unwrap_or(Rate::NONE);
                let told = (together.requests, together.requests_left);
                assert_eq!(told, (left.limit, left.remaining), "{what}");
                if !is_refused {
                    running.push((format!("{seed}-{step}"), tokens, now_ms));
                }
            } else if let Some((id, tokens, at_ms)) = running.pop() {
                let (used, counts) = (random.below(6_000), random.below(4) > 0);
                scope.correct(&mut slot, (tokens, at_ms), used, counts, now_ms);
                let counted = Counted {
                    at_ms,
                    used,
                    is_void: !counts,
                    ..call(&shared, tokens)
                };
                // It may come twice.
                for _ in 0..2 {
                    windows.correct_at(&id, &counted, now_ms).await.unwrap();
                }
            }
        }
    }
}

#[tokio::test]
async fn however_many_ask_exactly_the_limit_passes_and_all_or_nothing_is_counted() {
    let Some(redis) = Redis::start() else { return };
    let (mine, all) = (rates(1, 1_000, 0), rates(2, 10, 0));
    let asking = (0..100).map(|at| {
        // Several control planes.
        let windows = redis.windows();
        let asked = match at % 2 {
            0 => call(&[mine, all], 1),
            _ => call(&[all], 1),
        };
        tokio::spawn(async move {
            // Far from the end of a minute's worth: nothing runs out meanwhile.
            windows.admit_at(&asked, 1_795_000_000_000).await.unwrap()
        })
    });
    let asking: Vec<_> = asking.collect();
    let (mut passed, mut of_mine) = (0, 0);
    for (at, asked) in asking.into_iter().enumerate() {
        let admitted = asked.await.unwrap();
        if admitted.refused_by == 0 {
            passed += 1;
            of_mine += u64::from(at % 2 == 0);
        } else {
            assert_eq!(admitted.refused_by, if at % 2 == 0 { 2 } else { 1 });
            assert_eq!((admitted.requests, admitted.requests_left), (10, 0));
            assert_eq!((admitted.wait_ms, admitted.for_tokens), (6_000, false));
        }
    }
    assert_eq!(passed, 10);
    let asked = call(&[mine], 1);
    let after = redis.windows().admit_at(&asked, 1_795_000_000_000).await;
    assert_eq!(after.unwrap().requests_left, 1_000 - of_mine - 1);
}

#[tokio::test]
async fn usage_events_bring_what_was_used_and_nothing_stays_for_ever() {
    let Some(redis) = Redis::start() else { return };
    let windows = redis.windows();
    let asked = call(&[rates(7, 0, 1_000)], 900);
    let admitted = windows.admit(&asked).await.unwrap();
    assert_eq!((admitted.tokens, admitted.tokens_left), (1_000, 100));
    let event = UsageEvent {
        id: "e".into(),
        model: "m".into(),
        counted: Some(Counted {
            at_ms: admitted.at_ms,
            used: 50,
            ..asked.clone()
        }),
        ..UsageEvent::default()
    };
    let events = [b"junk".to_vec(), event.encode_to_vec()];
    windows.correct_encoded(&events).await;
    windows.correct_encoded(&events).await;
    let admitted = windows.admit(&asked).await.unwrap();
    assert_eq!(admitted.refused_by, 0, "{admitted:?}");
    assert!((50..=100).contains(&admitted.tokens_left), "{admitted:?}");

    let mut connection = windows.0.connection.clone();
    let mut keys: Vec<String> = redis::cmd("KEYS")
        .arg("*")
        .query_async(&mut connection)
        .await
        .unwrap();
    keys.sort();
    assert_eq!(keys, ["t:limit:0000000000000007", "t:limit:corrected:e"]);
    for key in keys {
        let ends: i64 = redis::cmd("PTTL")
            .arg(&key)
            .query_async(&mut connection)
            .await
            .unwrap();
        assert!(ends > 0, "{key}");
    }
}

#[tokio::test]
async fn it_says_so_when_redis_is_away_and_finds_it_again() {
    let Some(mut redis) = Redis::start() else {
        return;
    };
    let windows = redis.windows();
    let asked = call(&[rates(7, 10, 0)], 1);
    windows.admit(&asked).await.unwrap();
    redis.process.kill().unwrap();
    redis.process.wait().unwrap();
    assert!(windows.admit(&asked).await.is_err());
    let started = Instant::now();
    assert!(windows.admit(&asked).await.is_err());
    assert!(started.elapsed() < TIMEOUT, "nobody waits for it");

    std::fs::remove_file(redis.folder.path().join("socket")).unwrap();
    let server = std::env::var_os("TOLLGATE_REDIS_SERVER").unwrap();
    redis.process = serve(Path::new(&server), redis.folder.path(), &[]);
    let deadline = Instant::now() + Duration::from_secs(20);
    while windows.admit(&asked).await.is_err() {
        assert!(Instant::now() < deadline, "it is not found again");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[test]
fn an_address_that_is_none_is_refused_without_its_password() {
    let url = Secret::new("redis//:canary@host");
    let error = Windows::new(&url, "t", None).unwrap_err().to_string();
    assert!(
        error.contains("REDIS_URL") && !error.contains("canary"),
        "{error}"
    );
}
