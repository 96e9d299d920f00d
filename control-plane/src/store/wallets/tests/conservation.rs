//! Whatever happens, in whatever order: nothing is made of nothing, and nothing is lost.

use std::collections::BTreeMap;

use tollgate_config::meter::Attempt;

use super::*;
use crate::domain::{ChannelPatch, Tally, TokenPatch};
use crate::secrets::random;
use crate::store::Created;

/// A generator whose seed is printed with a failure. Knuth's constants for a linear congruence.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }
}

/// What the ledger should say, kept the simple way.
#[derive(Default)]
struct Books {
    balances: BTreeMap<String, i64>,
    charged: BTreeMap<String, (String, i64, i64)>,
    keys: BTreeMap<(String, u64), i64>,
    redeemed: Vec<(String, String)>,
    /// What each event cost, those of groups without a wallet included.
    used: BTreeMap<String, i64>,
    /// Of each, what was for input, for what a cache had of it, and for output.
    parts: BTreeMap<String, [i64; 3]>,
    /// Of each, how often it was tried, and where it was served.
    attempts: BTreeMap<String, Vec<i64>>,
    /// One of each group.
    tokens: BTreeMap<&'static str, i64>,
    channels: Vec<i64>,
}

const GROUPS: [&str; 4] = ["a", "b", "c", "free"];
const STEPS: usize = 120;
/// Those that cost something here.
const PARTS: [&str; 3] = ["input_amount", "cached_amount", "output_amount"];

#[tokio::test]
async fn random_operations_keep_the_ledger_in_balance() {
    let seed = u64::from_le_bytes(random());
    println!("seed {seed}");
    with_store(async |store| {
        let mut dice = Dice(seed);
        let mut books = Books::default();
        priced(&store).await;
        books.channels = channels(&store).await;
        for group in GROUPS {
            let made = store.create_token(group, named("t"), true, false).await;
            let Created::New(token, _) = made.unwrap() else {
                panic!("it is new")
            };
            books.tokens.insert(group, token.id);
            if group != "free" {
                store.open_wallet(group, None).await.unwrap();
                books.balances.insert(group.into(), 0);
            }
        }
        let codes = codes(&store, 6, 2).await;
        let ledger = Ledger::new(store.clone());
        for _ in 0..STEPS {
            let group = GROUPS[usize::try_from(dice.roll(3)).unwrap()];
            match dice.roll(7) {
                0 => recharge(&store, &mut dice, &mut books, group).await,
                1 => deduct(&store, &mut dice, &mut books, group).await,
                2 => refund(&store, &mut dice, &mut books).await,
                3 => {
                    let code = codes[usize::try_from(dice.roll(6)).unwrap()].1.expose();
                    redeem(&store, &mut books, group, code).await;
                }
                _ => book(&ledger, &mut dice, &mut books).await,
            }
        }
        assert_eq!(store.unbalanced().await.unwrap(), [], "seed {seed}");
        for (group, expected) in &books.balances {
            assert_eq!(
                balance(&store, group).await,
                *expected,
                "seed {seed}: {group}"
            );
            let moved: i64 = history_sum(&store, group).await;
            assert_eq!(moved, *expected, "seed {seed}: the history of {group}");
        }
        let mut all = 0;
        for row in sql("SELECT balance FROM accounts")
            .fetch_all(store.reader())
            .await
            .unwrap()
        {
            all += row.int("balance").unwrap();
        }
        assert_eq!(all, 0, "seed {seed}: all accounts together");
        let used: i64 = books.used.values().sum();
        let calls = i64::try_from(books.used.len()).unwrap();
        let served = books
            .used
            .iter()
            .filter(|(id, _)| !books.attempts[*id].is_empty());
        let served: i64 = served.map(|(_, cost)| cost).sum();
        let attempts = books.attempts.values().map(|tried| tried.len());
        let attempts = i64::try_from(attempts.sum::<usize>()).unwrap();
        let untried = books.attempts.values().filter(|tried| tried.is_empty());
        let untried = i64::try_from(untried.count()).unwrap();
        let request = "sum(request_count)";
        for (table, counted, amount, expected) in [
            ("logs", "count(*)", "sum(amount)", (calls, used)),
            ("tokens", request, "sum(used_amount)", (calls, used)),
            ("groups", request, "sum(used_amount)", (calls, used)),
            ("channels", request, "sum(used_amount)", (attempts, served)),
            // Days have no counts.
            ("token_days", "0", "sum(amount)", (0, used)),
            // Of every minute, every hour and every day.
            (
                "group_summaries",
                request,
                "sum(used_amount)",
                (3 * calls, 3 * used),
            ),
            // What was not tried anywhere is there too, at no channel.
            (
                "channel_summaries",
                request,
                "sum(used_amount)",
                (3 * (attempts + untried), 3 * used),
            ),
        ] {
            let found = sums(&store, table, counted, amount).await;
            assert_eq!(found, expected, "seed {seed}: {table}");
        }
        for table in ["group_summaries", "channel_summaries"] {
            let found = sums_of_parts(&store, table).await;
            let mut expected = BTreeMap::from_iter(found.keys().map(|part| (*part, 0)));
            for parts in books.parts.values() {
                for (part, amount) in PARTS.iter().zip(parts) {
                    *expected.get_mut(part).unwrap() += 3 * amount;
                }
            }
            assert_eq!(found, expected, "seed {seed}: the parts in {table}");
            let together: i64 = found.values().sum();
            assert_eq!(together, 3 * used, "seed {seed}: all parts in {table}");
        }
        for (group, token) in &books.tokens {
            let of_group = books.used.iter().filter(|(id, _)| group_of(id) == *group);
            let expected: i64 = of_group.map(|(_, cost)| cost).sum();
            let used = store.token(*token, None).await.unwrap().used_amount.0;
            assert_eq!(used, expected, "seed {seed}: the token of {group}");
            let used = store.group(group).await.unwrap().used_amount.0;
            assert_eq!(used, expected, "seed {seed}: {group}");
        }
    })
    .await;
}

async fn channels(store: &Store) -> Vec<i64> {
    let channel = |name: &str| ChannelPatch {
        name: Some(name.into()),
        kind: Some(1),
        ..ChannelPatch::default()
    };
    let made = store
        .create_channels(vec![channel("one"), channel("two")])
        .await;
    made.unwrap().iter().map(|channel| channel.id).collect()
}

fn named(name: &str) -> TokenPatch {
    TokenPatch {
        name: Some(name.into()),
        ..TokenPatch::default()
    }
}

fn group_of(event: &str) -> &'static str {
    let number: usize = event.trim_start_matches('e').parse().unwrap();
    GROUPS[number % GROUPS.len()]
}

/// How many calls a table has, and what they cost.
async fn sums(store: &Store, table: &str, calls: &str, amount: &str) -> (i64, i64) {
    let text = format!(
        "SELECT CAST({calls} AS BIGINT) AS calls, CAST({amount} AS BIGINT) AS amount FROM {table}"
    );
    let row = sql(text).fetch_one(store.reader()).await.unwrap();
    (row.int("calls").unwrap(), row.int("amount").unwrap())
}

/// What each part of the amounts comes to in a table of summaries.
async fn sums_of_parts(store: &Store, table: &str) -> BTreeMap<&'static str, i64> {
    let mut found = BTreeMap::new();
    for field in Tally::FIELDS {
        if field.ends_with("_amount") && *field != "used_amount" {
            let (_, sum) = sums(store, table, "0", &format!("sum({field})")).await;
            found.insert(*field, sum);
        }
    }
    found
}

async fn recharge(store: &Store, dice: &mut Dice, books: &mut Books, group: &str) {
    // Few keys, so that some come twice: as the same order or as another.
    let (key, amount) = (dice.roll(6), i64::try_from(1 + dice.roll(3)).unwrap() * 50);
    let done = store
        .recharge(group, order(amount, &format!("k{key}")))
        .await;
    match books.keys.get(&(group.to_owned(), key)) {
        None => {
            assert!(matches!(done, Ok(Done::Now(_))), "{done:?}");
            books.keys.insert((group.into(), key), amount);
            *books.balances.get_mut(group).unwrap() += amount;
        }
        Some(before) if *before == amount => assert!(matches!(done, Ok(Done::Before(_)))),
        Some(_) => assert!(matches!(done, Err(Error::Conflict(_)))),
    }
}

async fn deduct(store: &Store, dice: &mut Dice, books: &mut Books, group: &str) {
    let amount = i64::try_from(1 + dice.roll(80)).unwrap();
    let there = books.balances.get_mut(group).unwrap();
    if dice.roll(2) == 0 {
        store.adjust(group, order(-amount, "")).await.unwrap();
        *there -= amount;
    } else if store.deduct(group, order(amount, "")).await.is_ok() {
        assert!(amount <= *there);
        *there -= amount;
    } else {
        assert!(amount > *there);
    }
}

async fn refund(store: &Store, dice: &mut Dice, books: &mut Books) {
    let count = u64::try_from(books.charged.len()).unwrap();
    if count == 0 {
        return;
    }
    let at = usize::try_from(dice.roll(count)).unwrap();
    let (id, (group, cost, refunded)) = books.charged.iter_mut().nth(at).unwrap();
    let amount = i64::try_from(dice.roll(40)).unwrap();
    let left = *cost - *refunded;
    let wanted = if amount == 0 { left } else { amount };
    let done = store.refund(group, id, order(amount, "")).await;
    if wanted > 0 && wanted <= left {
        assert_eq!(done.unwrap().transaction().amount.0, wanted);
        *refunded += wanted;
        *books.balances.get_mut(group).unwrap() += wanted;
    } else {
        assert!(matches!(done, Err(Error::Conflict(_))), "{done:?}");
    }
}

async fn redeem(store: &Store, books: &mut Books, group: &str, code: &str) {
    let redeemed = store.redeem(group, code, "").await.unwrap();
    let mine = (code.to_owned(), group.to_owned());
    if books.redeemed.contains(&mine) {
        assert_eq!(redeemed, Redeemed::Before);
    } else if books.redeemed.iter().filter(|it| it.0 == code).count() >= 2 {
        assert_eq!(redeemed, Redeemed::Spent);
    } else {
        assert!(matches!(redeemed, Redeemed::Now(_)), "{redeemed:?}");
        books.redeemed.push(mine);
        *books.balances.get_mut(group).unwrap() += 7;
    }
}

/// Events of all groups, some of which came before.
async fn book(ledger: &Ledger, dice: &mut Dice, books: &mut Books) {
    let mut events = Vec::new();
    for _ in 0..1 + dice.roll(12) {
        let number = dice.roll(400);
        // What an event says depends on its number alone: it is the same when it comes again.
        let (id, cost) = (format!("e{number}"), number % 37);
        let group = group_of(&id);
        // None at all, one, or a second one after the first.
        let tried = usize::try_from(number % 3).unwrap();
        let tried: Vec<i64> = books
            .channels
            .iter()
            .copied()
            .cycle()
            .skip(tried)
            .take(tried)
            .collect();
        let attempt = |channel_id: &i64| Attempt {
            channel_id: *channel_id,
            ..Attempt::default()
        };
        let (cached, output) = (number % (cost + 1) / 2, cost / 2);
        let usage = Usage {
            input_tokens: cost - output,
            cache_read_tokens: cached,
            output_tokens: output,
            ..Usage::default()
        };
        let parts = [cost - output - cached, cached, output];
        let parts = parts.map(|part| i64::try_from(part).unwrap());
        books.parts.insert(id.clone(), parts);
        events.push(UsageEvent {
            token_id: books.tokens[group],
            attempts: tried.iter().map(attempt).collect(),
            usage: Some(usage),
            ..event(&id, group, cost)
        });
        let cost = i64::try_from(cost).unwrap();
        books.attempts.insert(id.clone(), tried);
        books.used.insert(id.clone(), cost);
        if group != "free" && cost > 0 && !books.charged.contains_key(&id) {
            books.charged.insert(id, (group.into(), cost, 0));
            *books.balances.get_mut(group).unwrap() -= cost;
        }
    }
    ledger.book("n", events).await.unwrap();
}

/// All pages of it.
async fn history_sum(store: &Store, group: &str) -> i64 {
    let (mut sum, mut number) = (0, 1);
    loop {
        let page = Page {
            number,
            size: 7,
            ..page("id")
        };
        let query = TransactionQuery::default();
        let listed = store
            .wallet_transactions(group, &query, page)
            .await
            .unwrap();
        sum += listed.items.iter().map(|it| it.amount.0).sum::<i64>();
        if listed.total <= number * 7 {
            return sum;
        }
        number += 1;
    }
}
