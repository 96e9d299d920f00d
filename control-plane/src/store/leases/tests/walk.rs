//! Gateways' accounts against the store, in any order of events: what is booked and what is outstanding
//! never exceed a budget together, but for what [`tollgate_policy::lease`] says can.

use tollgate_policy::lease::{Account, Reserved, Short};

use super::*;
use crate::domain::Token;
use crate::store::testing::{Random, sqlite_alone};

const SECOND: i64 = 1_000;
const DAY: i64 = 24 * 60 * 60 * SECOND;
/// After that, a lease rests; see [`crate::leases`].
const IDLE: i64 = 60 * SECOND;
/// After that, who is not heard of is gone.
const GONE: i64 = 15 * 60 * SECOND;
const STEPS: u64 = 400;

struct Call {
    token: i64,
    started: i64,
    amount: i64,
    reserved: Vec<(String, Reserved)>,
}

/// An Envoy, and what is on its way from and to it.
#[derive(Default)]
struct Node {
    holder: String,
    accounts: BTreeMap<String, Account>,
    /// By lease.
    drawn: BTreeMap<i64, i64>,
    calls: Vec<Call>,
    answers: Vec<Lease>,
    reports: Vec<Lease>,
}

impl Node {
    fn new(number: u64) -> Self {
        Self {
            holder: format!("node-{number}"),
            ..Self::default()
        }
    }

    /// What it holds of a lease, reserved or not.
    fn left(&self, lease: i64) -> i64 {
        let accounts = self.accounts.values().map(|account| account.report("", 0));
        let left = |told: Lease| {
            let drawn = self.drawn.get(&lease).copied().unwrap_or(0);
            told.granted - told.returned - drawn
        };
        let mut held = accounts.filter(|told| told.id == lease);
        held.next().map_or(0, left)
    }

    fn settle(&mut self, call: &Call, drawn: i64, now: i64) {
        for (budget, reserved) in &call.reserved {
            let account = self.accounts.get_mut(budget).unwrap();
            account.settle(reserved, drawn, now);
            *self.drawn.entry(reserved.lease).or_default() += drawn;
        }
    }
}

/// What no call has reserved.
fn free(account: &Account, now: i64) -> i64 {
    let mut given_back = account.clone();
    given_back.give_back(now);
    given_back.report("", 0).returned - account.report("", 0).returned
}

struct World {
    store: Store,
    ledger: Ledger,
    random: Random,
    now: i64,
    nodes: Vec<Node>,
    nodes_ever: u64,
    /// With the budgets that each draws on.
    tokens: Vec<(i64, Vec<String>)>,
    recharged: i64,
    /// Usage that is not booked yet.
    events: Vec<UsageEvent>,
    events_ever: u64,
    /// An instant of each day that there was.
    days: BTreeMap<i64, i64>,
    /// What may go beyond a budget, by its name and its window's first day.
    beyond: BTreeMap<(String, i64), i64>,
}

/// A row of the table, and of which budget.
struct Known {
    row: Row,
    budget: String,
    begins: i64,
}

impl World {
    async fn rows(&self) -> Vec<Known> {
        let rows = sql("SELECT id, holder, granted, returned, drawn, budget, begins FROM leases")
            .fetch_all(self.store.reader())
            .await
            .unwrap();
        let known = |it: &AnyRow| Known {
            row: row(it).unwrap(),
            budget: it.text("budget").unwrap(),
            begins: it.int("begins").unwrap(),
        };
        rows.iter().map(known).collect()
    }

    fn begins(&self, budget: &str) -> i64 {
        match budget.starts_with('p') {
            true => Period::Daily.window(&TimeZone::UTC, self.now).first_day,
            false => 0,
        }
    }

    /// Begins a call, if there is enough for it. Most answers come before the caller has gone.
    async fn call(&mut self, at: usize, most: i64) {
        let which = usize::try_from(self.random.below(2)).unwrap();
        let amount = 1 + self.random.amount(most - 1);
        while let Some(asked) = self.try_call(at, which, amount) {
            self.ask(at, asked).await;
            let node = &mut self.nodes[at];
            if self.random.below(4) == 0 {
                return;
            }
            let answer = node.answers.pop().unwrap();
            let account = node.accounts.get_mut(&answer.budget).unwrap();
            account.apply(&answer, self.now);
            if account.clone().reserve(amount, self.now).is_err() {
                return;
            }
        }
    }

    /// What it has to ask for; `None`: the call has begun, or is refused.
    fn try_call(&mut self, at: usize, which: usize, amount: i64) -> Option<Lease> {
        let (token, budgets) = self.tokens[which].clone();
        let mut call = Call {
            token,
            started: self.now,
            amount,
            reserved: Vec::new(),
        };
        let mut beyond = Vec::new();
        for budget in budgets {
            let node = &mut self.nodes[at];
            let account = node.accounts.entry(budget.clone()).or_default();
            let before = free(account, self.now);
            match account.reserve(amount, self.now) {
                Ok(reserved) => {
                    assert_ne!(reserved.lease, 0);
                    beyond.push((budget.clone(), (amount - before).max(0)));
                    call.reserved.push((budget, reserved));
                }
                Err(short) => {
                    // The others are let go.
                    node.settle(&call, 0, self.now);
                    return match short {
                        Short::By(need) => Some(node.accounts[&budget].report(&budget, need)),
                        Short::Exhausted(_) => None,
                    };
                }
            }
        }
        for (budget, more) in beyond {
            let begins = self.begins(&budget);
            *self.beyond.entry((budget, begins)).or_default() += more;
        }
        self.nodes[at].calls.push(call);
        None
    }

    async fn ask(&mut self, at: usize, lease: Lease) {
        let holder = self.nodes[at].holder.clone();
        let budget = lease.budget.clone();
        let asked = [Asked { holder, lease }];
        let granted = self.store.grant_leases(&asked, self.now).await.unwrap();
        let told = granted[0].lease.clone();
        if !told.exhausted.is_empty() {
            let (booked, limit) = self.spent(&budget, self.begins(&budget)).await;
            assert!(booked >= limit, "{told:?}: {booked} of {limit}");
        }
        self.nodes[at].answers.push(told);
    }

    fn end(&mut self, at: usize, call: &Call) {
        let drawn = self.random.amount(call.amount);
        self.nodes[at].settle(call, drawn, self.now);
        self.events_ever += 1;
        self.events.push(UsageEvent {
            id: format!("event-{}", self.events_ever),
            token_id: call.token,
            group: "g".into(),
            model: "m".into(),
            started_unix_ms: call.started,
            status: 200,
            usage: Some(tollgate_config::meter::Usage {
                // What is booked is exact, and no more than what was drawn.
                input_tokens: self.random.amount(drawn).unsigned_abs(),
                ..Default::default()
            }),
            leases: call.reserved.iter().map(|(_, it)| it.lease).collect(),
            drawn_nano_usd: drawn,
            ..UsageEvent::default()
        });
    }

    /// Calls do not take so long.
    fn end_calls(&mut self, began_before: i64) {
        for at in 0..self.nodes.len() {
            let calls = std::mem::take(&mut self.nodes[at].calls);
            for call in calls {
                match call.started < began_before {
                    true => self.end(at, &call),
                    false => self.nodes[at].calls.push(call),
                }
            }
        }
    }

    /// Its leases rest: it is asked what it has of them, and gives back what it does not need.
    async fn rest(&mut self, at: usize) {
        self.now += IDLE + SECOND;
        let idle = self.store.idle_leases(self.now - IDLE).await.unwrap();
        let node = &mut self.nodes[at];
        // What was on its way for so long does not arrive any more.
        node.answers.clear();
        for (budget, account) in &mut node.accounts {
            let report = account.report(budget, 0);
            if !idle.iter().any(|held| held.lease.id == report.id) {
                continue;
            }
            account.give_back(self.now);
            let report = [account.report(budget, 0)];
            let returned = self
                .store
                .leases_returned(&node.holder, &report, self.now - IDLE);
            returned.await.unwrap();
        }
    }

    /// One is not heard of for so long that it counts as gone, and goes on with what it has.
    async fn lose(&mut self, at: usize) {
        self.end_calls(i64::MAX);
        self.now += GONE + SECOND;
        let there: Vec<String> = self.nodes.iter().map(|node| node.holder.clone()).collect();
        let there: Vec<String> = there
            .into_iter()
            .filter(|it| *it != self.nodes[at].holder)
            .collect();
        let renewed = self
            .store
            .renew_leases(&there, self.now, self.now - GONE / 4);
        renewed.await.unwrap();
        let before = self.rows().await;
        self.store.free_leases(self.now - GONE).await.unwrap();
        let after = self.rows().await;
        for node in &mut self.nodes {
            node.answers.clear();
        }
        for Known {
            row,
            budget,
            begins,
        } in before
        {
            if after.iter().any(|it| it.row.id == row.id) {
                continue;
            }
            assert!(!there.contains(&row.holder), "{row:?} belongs to somebody");
            let held: i64 = self.nodes.iter().map(|node| node.left(row.id).max(0)).sum();
            let lost = held + self.unbooked(row.id);
            *self.beyond.entry((budget, begins)).or_default() += lost;
        }
    }

    /// Drawn on a lease, and not booked yet.
    fn unbooked(&self, lease: i64) -> i64 {
        let events = self
            .events
            .iter()
            .filter(|event| event.leases.contains(&lease));
        events.map(|event| event.drawn_nano_usd).sum()
    }

    async fn book(&mut self) {
        let Some(event) = self.random.take(&mut self.events) else {
            return;
        };
        // Whatever comes twice counts once.
        for _ in 0..=self.random.below(2) {
            let booked = self.ledger.book("n", vec![event.clone()]).await;
            booked.unwrap();
        }
    }

    /// What is booked of a budget in a window, and its limit.
    async fn spent(&self, budget: &str, begins: i64) -> (i64, i64) {
        let token = async || -> Token {
            let id = budget.trim_start_matches(['p', 'q']).parse().unwrap();
            self.store.token(id, None).await.unwrap()
        };
        match budget.chars().next().unwrap() {
            'q' => {
                let token = token().await;
                (token.used_amount.0, token.quota.0)
            }
            'p' => {
                let token = token().await;
                let within = self.days[&begins];
                let used = self.store.period_used(std::slice::from_ref(&token), within);
                (used.await.unwrap()[&token.id].0, token.period_quota.0)
            }
            _ => {
                let balance = self.store.remaining_balance("g").await.unwrap().unwrap();
                (self.recharged - balance.0, self.recharged)
            }
        }
    }

    async fn check(&self, what: &str) {
        let mut outstanding: BTreeMap<(String, i64), i64> = BTreeMap::new();
        for Known {
            row,
            budget,
            begins,
        } in self.rows().await
        {
            *outstanding.entry((budget, begins)).or_default() += row.outstanding().max(0);
            // No gateway has more than the database knows of.
            let node = self.nodes.iter().find(|node| node.holder == row.holder);
            let left = node.map_or(0, |node| node.left(row.id));
            let held = left.saturating_add(self.unbooked(row.id));
            assert!(
                left <= 0 || held <= row.outstanding(),
                "{what}: {held} of {row:?}"
            );
        }
        for ((budget, begins), outstanding) in outstanding {
            let (booked, limit) = self.spent(&budget, begins).await;
            let beyond = self.beyond.get(&(budget.clone(), begins)).copied();
            let (promised, beyond) = (booked + outstanding, beyond.unwrap_or(0));
            assert!(
                promised <= limit + beyond,
                "{what}: of {budget} in {begins}, {booked} + {outstanding} of {limit} and {beyond} beyond"
            );
        }
    }

    async fn step(&mut self, most: i64) -> &'static str {
        let at = usize::try_from(self.random.below(3)).unwrap();
        self.now += SECOND;
        self.days.insert(self.begins("p"), self.now);
        self.end_calls(self.now - GONE / 2);
        match self.random.below(12) {
            0..=3 => {
                self.call(at, most).await;
                "a call"
            }
            4 | 5 => {
                let node = &mut self.nodes[at];
                if let Some(answer) = self.random.take(&mut node.answers) {
                    if let Some(account) = node.accounts.get_mut(&answer.budget) {
                        account.apply(&answer, self.now);
                    }
                    if self.random.below(4) == 0 {
                        node.answers.push(answer);
                    }
                }
                "an answer"
            }
            6 | 7 => {
                if let Some(call) = self.random.take(&mut self.nodes[at].calls) {
                    self.end(at, &call);
                }
                "an end"
            }
            8 | 9 => {
                self.book().await;
                "a booking"
            }
            10 => {
                let node = &mut self.nodes[at];
                for (budget, account) in &mut node.accounts {
                    account.give_back(self.now);
                    node.reports.push(account.report(budget, 0));
                }
                // Late, and in any order.
                if let Some(report) = self.random.take(&mut node.reports) {
                    let reports = [report];
                    let returned = self.store.leases_returned(&node.holder, &reports, 0);
                    returned.await.unwrap();
                }
                "a return"
            }
            _ => match self.random.below(6) {
                0 => {
                    // The process dies with all it has.
                    self.nodes[at] = Node::new(self.nodes_ever);
                    self.nodes_ever += 1;
                    "a death"
                }
                1 => {
                    let more = 1 + self.random.amount(300);
                    self.store.recharge("g", money(more)).await.unwrap();
                    self.recharged += more;
                    "a recharge"
                }
                2 => {
                    self.end_calls(i64::MAX);
                    self.now += DAY - self.now % DAY;
                    for node in &mut self.nodes {
                        node.answers.clear();
                    }
                    "a new day"
                }
                3 => {
                    self.lose(at).await;
                    "a loss"
                }
                _ => {
                    self.rest(at).await;
                    "a rest"
                }
            },
        }
    }
}

async fn walk(store: &Store, seed: u64, most_of_a_call: i64) {
    let mut random = Random(seed);
    let quotas = [(); 3].map(|()| 500 + random.amount(4_500));
    let first = token(store, quotas[0], quotas[1]).await;
    let new = TokenPatch {
        name: Some("second".into()),
        quota: Some(NanoUsd(quotas[2])),
        ..TokenPatch::default()
    };
    let made = store.create_token("g", new, true, false).await.unwrap();
    let Created::New(second, _) = made else {
        panic!("it is new")
    };
    store.open_wallet("g", None).await.unwrap();
    let recharged = 500 + random.amount(4_500);
    store.recharge("g", money(recharged)).await.unwrap();
    let mut tokens = Vec::new();
    for id in [first, second.id] {
        let update = store.token_updates(&[id]).await.unwrap().remove(0);
        tokens.push((id, update.record.unwrap().budgets));
    }
    assert_eq!(tokens.iter().map(|(_, it)| it.len()).sum::<usize>(), 5);
    let mut world = World {
        ledger: Ledger::new(store.clone()),
        store: store.clone(),
        random,
        now: NOW,
        nodes: (0..3).map(Node::new).collect(),
        nodes_ever: 3,
        tokens,
        recharged,
        events: Vec::new(),
        events_ever: 0,
        days: BTreeMap::new(),
        beyond: BTreeMap::new(),
    };
    for step in 0..STEPS {
        let what = world.step(most_of_a_call).await;
        world.days.insert(world.begins("p"), world.now);
        let what = format!("seed {seed}, calls of {most_of_a_call}, step {step}, {what}");
        world.check(&what).await;
    }
    assert!(world.events_ever > 5, "seed {seed}: {}", world.events_ever);
}

#[tokio::test]
async fn no_order_of_events_grants_more_than_a_budget() {
    // The other databases differ in locks, which is tested elsewhere; here one thing is done at a time.
    for seed in 0..6 {
        for most_of_a_call in [40, 600] {
            let database = sqlite_alone().await;
            walk(&database.open().await, seed, most_of_a_call).await;
        }
    }
}
