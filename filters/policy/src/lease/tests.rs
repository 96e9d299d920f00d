use super::*;

/// One control plane's book of one budget, as the store keeps it.
struct Control {
    limit: i64,
    booked: i64,
    leases: Vec<Row>,
}

#[derive(Clone)]
struct Row {
    id: i64,
    holder: usize,
    granted: i64,
    returned: i64,
    drawn: i64,
}

impl Row {
    fn outstanding(&self) -> i64 {
        self.granted - self.returned - self.drawn
    }
}

impl Control {
    fn ask(&mut self, holder: usize, asked: &Lease) -> Lease {
        let next = 1 + self.leases.iter().map(|row| row.id).max().unwrap_or(0);
        let at = match self.leases.iter().position(|row| row.holder == holder) {
            Some(at) => at,
            None => {
                self.leases.push(Row {
                    id: next + 100,
                    holder,
                    granted: 0,
                    returned: 0,
                    drawn: 0,
                });
                self.leases.len() - 1
            }
        };
        let others = self.leases.iter().enumerate();
        let others = others
            .filter(|(index, _)| *index != at)
            .map(|(_, row)| row.outstanding().max(0))
            .sum();
        let row = &mut self.leases[at];
        if asked.id == row.id {
            row.returned = row.returned.max(asked.returned);
        }
        // Who has not seen the last grant gets that one first.
        let stale = asked.id == row.id && asked.granted < row.granted;
        let book = Book {
            remaining: self.limit - self.booked,
            own: row.outstanding(),
            others,
        };
        let slice = book.slice(if stale { 0 } else { asked.need });
        let free = book.remaining - book.own - book.others;
        assert!(slice.amount <= free.max(0), "{slice:?} of {free}");
        row.granted += slice.amount;
        Lease {
            id: row.id,
            granted: row.granted,
            is_last: slice.is_last,
            exhausted: if self.limit > self.booked {
                String::new()
            } else {
                "used up".into()
            },
            ..Lease::default()
        }
    }

    fn outstanding(&self) -> i64 {
        self.leases.iter().map(|row| row.outstanding().max(0)).sum()
    }
}

struct Node {
    holder: usize,
    account: Account,
    calls: Vec<Reserved>,
    /// Answers that have not arrived yet.
    answers: Vec<Lease>,
    /// What it gave back and the control plane does not know yet.
    reports: Vec<Lease>,
    /// Usage that is not booked yet: lease, drawn.
    events: Vec<(i64, i64)>,
}

impl Node {
    fn new(holder: usize) -> Self {
        Self {
            holder,
            account: Account::default(),
            calls: Vec::new(),
            answers: Vec::new(),
            reports: Vec::new(),
            events: Vec::new(),
        }
    }
}

struct Random(u64);

impl Random {
    /// SplitMix64.
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % end
    }

    fn amount(&mut self, end: i64) -> i64 {
        i64::try_from(self.below(end.unsigned_abs() + 1)).unwrap()
    }

    fn take<T>(&mut self, from: &mut Vec<T>) -> Option<T> {
        let len = from.len() as u64;
        (len > 0).then(|| from.swap_remove(self.below(len) as usize))
    }
}

/// Any order of asks, answers (late, lost, doubled), calls, ends, bookings (late), recalls, nodes
/// that die and come back with nothing, control planes that restart, which keep what is on disk, and,
/// as with wallets, limits that change meanwhile.
fn walk(seed: u64, most_of_a_call: i64) {
    let mut random = Random(seed);
    let mut control = Control {
        limit: 1 + random.amount(1_000),
        booked: 0,
        leases: Vec::new(),
    };
    let mut nodes: Vec<Node> = (0..3).map(Node::new).collect();
    let mut holders = nodes.len();
    let mut beyond = 0;
    for step in 0..400 {
        let now = 1 + step * 1_000;
        let at = random.below(3) as usize;
        let node = &mut nodes[at];
        match random.below(10) {
            0..=2 => {
                let amount = 1 + random.amount(most_of_a_call - 1);
                let before = node.account.free();
                match node.account.reserve(amount, now) {
                    Ok(call) => {
                        assert!(call.lease != 0);
                        beyond += (amount - before).max(0);
                        node.calls.push(call);
                    }
                    Err(Short::By(need)) => {
                        assert!(need > 0);
                        let asked = node.account.report("q1", need);
                        node.answers.push(control.ask(node.holder, &asked));
                    }
                    Err(Short::Exhausted(_)) => assert!(control.booked >= control.limit),
                }
            }
            3 | 4 => {
                if let Some(answer) = random.take(&mut node.answers) {
                    node.account.apply(&answer, now);
                    if random.below(4) == 0 {
                        node.answers.push(answer);
                    }
                }
            }
            5 | 6 => {
                if let Some(call) = random.take(&mut node.calls) {
                    let drawn = random.amount(call.amount);
                    node.account.settle(&call, drawn, now);
                    node.events.push((call.lease, drawn));
                }
            }
            7 => {
                if let Some((lease, drawn)) = random.take(&mut node.events) {
                    // What is booked is exact, and no more than what was drawn.
                    control.booked += random.amount(drawn);
                    if let Some(row) = control.leases.iter_mut().find(|row| row.id == lease) {
                        row.drawn += drawn;
                    }
                }
            }
            8 => {
                node.account.give_back(now);
                node.reports.push(node.account.report("q1", 0));
                if let Some(report) = random.take(&mut node.reports) {
                    let row = control.leases.iter_mut().find(|row| row.id == report.id);
                    if let Some(row) = row {
                        row.returned = row.returned.max(report.returned);
                    }
                }
            }
            _ => match random.below(20) {
                0 => {
                    // The process dies with all it has; its slices come back after a while.
                    let gone = node.holder;
                    *node = Node::new(holders);
                    holders += 1;
                    control.leases.retain(|row| row.holder != gone);
                }
                1 => control.limit += random.amount(500),
                2 => {
                    // Money is taken out: what is held then comes on top.
                    let less = random.amount(500);
                    control.limit -= less;
                    let promised = control.booked + control.outstanding();
                    beyond += (promised - control.limit).clamp(0, less);
                }
                _ => {}
            },
        }
        let limit = control.limit;
        let promised = control.booked + control.outstanding();
        assert!(
            promised <= limit + beyond,
            "seed {seed}, step {step}: {promised} of {limit}, {beyond} allowed beyond"
        );
        let held: i64 = nodes.iter().map(|node| node.account.left.max(0)).sum();
        assert!(held <= control.outstanding(), "seed {seed}, step {step}");
    }
}

#[test]
fn no_order_of_events_grants_more_than_the_budget() {
    for seed in 0..3_000 {
        walk(seed, 40);
        walk(seed, 2_000);
    }
}

fn told(id: i64, granted: i64) -> Lease {
    Lease {
        id,
        granted,
        ..Lease::default()
    }
}

#[test]
fn grants_count_once_in_any_order() {
    let mut account = Account::default();
    account.apply(&told(7, 30), 1);
    account.apply(&told(7, 10), 1);
    account.apply(&told(7, 30), 1);
    account.apply(&told(6, 99), 1);
    assert_eq!((account.lease, account.left), (7, 30));
    let call = account.reserve(30, 1).unwrap();
    assert_eq!(account.reserve(1, 1), Err(Short::By(1)));
    // A new window: what is under way belongs to the old one.
    account.apply(&told(8, 5), 1);
    account.settle(&call, 30, 1);
    assert_eq!((account.lease, account.left, account.free()), (8, 5, 5));
}

#[test]
fn the_last_of_a_budget_is_for_one_call_of_any_size() {
    let mut account = Account::default();
    let last = Lease {
        is_last: true,
        ..told(1, 5)
    };
    account.apply(&last, 1);
    let call = account.reserve(100, 1).unwrap();
    assert_eq!(account.reserve(1, 1), Err(Short::By(96)), "one at a time");
    account.settle(&call, 3, 1);
    let call = account.reserve(100, 1).unwrap();
    account.settle(&call, 50, 1);
    assert_eq!(account.left, -48);
    assert_eq!(account.reserve(1, 1), Err(Short::By(49)));
}

#[test]
fn a_lease_ends_with_its_window() {
    let mut account = Account::default();
    let window = Lease {
        until_unix_ms: 100,
        ..told(1, 5)
    };
    account.apply(&window, 1);
    assert!(account.reserve(1, 99).is_ok());
    assert_eq!(account.reserve(1, 100), Err(Short::By(1)));
}

#[test]
fn reservations_of_the_lost_are_forgotten() {
    let mut account = Account::default();
    account.apply(&told(1, 10), 0);
    let lost = account.reserve(10, 0).unwrap();
    assert!(account.reserve(1, EPOCH_MS).is_err(), "one epoch later");
    let call = account.reserve(4, 2 * EPOCH_MS).unwrap();
    assert_eq!(account.free(), 6);
    // Not lost, only slow: what it drew counts.
    account.settle(&lost, 3, 2 * EPOCH_MS);
    assert_eq!((account.left, account.free()), (7, 3));
    account.settle(&call, 4, 3 * EPOCH_MS);
    assert_eq!((account.left, account.free()), (3, 3));
}

#[test]
fn nothing_left_is_believed_for_a_while() {
    let mut account = Account::default();
    let none = Lease {
        exhausted: "used up".into(),
        ..Lease::default()
    };
    account.apply(&none, 1_000);
    let account_read = Account::read(&account.write());
    assert_eq!(account_read, account);
    for (now, refused) in [(1_000, true), (1_999, true), (2_000, false), (-9, false)] {
        let is_refused = account.reserve(1, now) == Err(Short::Exhausted("used up".into()));
        assert_eq!(is_refused, refused, "{now}");
    }
}

#[test]
fn slices_shrink_as_the_budget_ends() {
    for (remaining, own, others, need, amount, is_last) in [
        // Some calls at once, but not too many.
        (1_000_000, 0, 0, 10, 640, false),
        (1_000, 0, 0, 10, 125, false),
        (1_000, 0, 900, 10, 12, false),
        (20, 0, 0, 10, 10, false),
        (10, 0, 0, 10, 10, true),
        (5, 0, 0, 10, 5, true),
        (10, 0, 4, 10, 6, false),
        (10, 10, 0, 1, 0, true),
        (0, 0, 0, 1, 0, true),
        (-5, 0, 0, 1, 0, true),
        // A hole is filled first: then it has 10 again.
        (10, -4, 0, 100, 14, true),
        (10, 0, -4, 100, 10, true),
        (1_000, 0, 0, 0, 0, false),
        (i64::MAX, i64::MIN, i64::MAX, i64::MAX, i64::MAX, false),
    ] {
        let book = Book {
            remaining,
            own,
            others,
        };
        let slice = Slice { amount, is_last };
        assert_eq!(book.slice(need), slice, "{book:?} needs {need}");
    }
}

#[test]
fn accounts_survive_shared_data_and_garbage() {
    let mut account = Account::default();
    account.apply(&told(3, i64::MAX), 5);
    account.reserve(i64::MAX, 5).unwrap();
    account.give_back(5);
    assert_eq!(Account::read(&account.write()), account);
    assert_eq!(Account::read(b"short"), Account::default());
}

#[test]
fn the_most_that_a_call_costs_is_rounded_up() {
    let ceiling = Ceiling {
        request: 7,
        input: 3,
        output: 2_000_000,
        search: 11,
    };
    for (input, output, searches, expected) in [
        (0, 0, 0, 7),
        (1, 0, 0, 8),
        (1_000_000, 0, 0, 10),
        (0, 3, 0, 13),
        (0, 0, 2, 29),
        (
            u64::MAX,
            1,
            0,
            i64::try_from(u128::from(u64::MAX) * 3 / 1_000_000).unwrap() + 1 + 2 + 7,
        ),
        (1, 1, u64::MAX, i64::MAX),
    ] {
        let most = most(&ceiling, input, output, searches);
        assert_eq!(most, expected, "{input} {output} {searches}");
    }
    for (millionths, expected) in [
        (0, [0, 0, 0]),
        (1, [1, 2, 1]),
        (1_000_000, [7, 2_000_000, 11]),
        (1_500_000, [11, 3_000_000, 17]),
    ] {
        let times = ceiling.times(millionths);
        let found = [times.request, times.output, times.search];
        assert_eq!(found, expected, "{millionths}");
    }
    let dear = Ceiling {
        output: u64::MAX,
        ..ceiling
    };
    assert_eq!(dear.times(u64::MAX).output, u64::MAX);
}
