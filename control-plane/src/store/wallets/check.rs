//! Whether the ledger is in balance.

use crate::store::row::Columns;
use crate::store::sql::sql;
use crate::store::{Result, Store};

/// Something that does not add up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unbalanced {
    pub fault: Fault,
    /// What it is about: an account, a transaction, a request or a code.
    pub id: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The postings of a transaction do not add up to zero, or there are none.
    Transaction,
    /// The balance of an account is not the sum of its postings.
    Balance,
    /// The lines of a usage transaction do not add up to what its wallet was charged.
    Charges,
    /// What was refunded of a request is not the sum of its refunds, or more than it cost.
    Refunds,
    /// A code was redeemed another number of times than is written on it, or more often than it may be.
    Code,
}

impl Fault {
    /// For people.
    #[must_use]
    pub fn text(self) -> &'static str {
        match self {
            Self::Transaction => "the postings of this transaction do not add up to zero",
            Self::Balance => "the balance of this account is not the sum of its postings",
            Self::Charges => "the calls of this transaction do not add up to its amount",
            Self::Refunds => "the refunds of this request are not what was refunded of it",
            Self::Code => "this code was redeemed another number of times than it says",
        }
    }
}

/// Each finds its fault; `id` is text, and sums are compared inside, because PostgreSQL's sums are of
/// a type that is not read here.
const QUERIES: [(Fault, &str); 5] = [
    (
        Fault::Transaction,
        "SELECT CAST(transactions.id AS TEXT) AS id FROM transactions \
         LEFT JOIN postings ON postings.transaction_id = transactions.id \
         GROUP BY transactions.id \
         HAVING count(postings.id) < 2 OR sum(postings.amount) <> 0 \
         ORDER BY transactions.id LIMIT 100",
    ),
    (
        Fault::Balance,
        "SELECT CAST(accounts.id AS TEXT) AS id FROM accounts \
         LEFT JOIN postings ON postings.account_id = accounts.id \
         GROUP BY accounts.id, accounts.balance \
         HAVING accounts.balance <> coalesce(sum(postings.amount), 0) \
         ORDER BY accounts.id LIMIT 100",
    ),
    (
        Fault::Charges,
        "SELECT CAST(postings.transaction_id AS TEXT) AS id FROM postings \
         LEFT JOIN charges ON charges.transaction_id = postings.transaction_id \
         AND charges.account_id = postings.account_id \
         WHERE postings.kind = 2 AND postings.account_id > 0 \
         GROUP BY postings.transaction_id, postings.amount \
         HAVING coalesce(sum(charges.amount), 0) <> -postings.amount \
         ORDER BY postings.transaction_id LIMIT 100",
    ),
    (
        Fault::Refunds,
        "SELECT charges.request_id AS id FROM charges \
         LEFT JOIN transactions ON transactions.reference = charges.request_id \
         AND transactions.reference <> '' AND transactions.kind = 4 \
         LEFT JOIN postings ON postings.transaction_id = transactions.id \
         AND postings.account_id = charges.account_id \
         GROUP BY charges.request_id, charges.amount, charges.refunded \
         HAVING charges.refunded > charges.amount \
         OR charges.refunded <> coalesce(sum(postings.amount), 0) \
         ORDER BY charges.request_id LIMIT 100",
    ),
    (
        Fault::Code,
        "SELECT CAST(redemption_codes.id AS TEXT) AS id FROM redemption_codes \
         LEFT JOIN transactions ON transactions.kind = 5 \
         AND transactions.reference = CAST(redemption_codes.id AS TEXT) \
         GROUP BY redemption_codes.id, redemption_codes.used, redemption_codes.uses \
         HAVING count(transactions.id) <> redemption_codes.used \
         OR redemption_codes.used > redemption_codes.uses \
         ORDER BY redemption_codes.id LIMIT 100",
    ),
];

impl Store {
    /// What does not add up in the ledger, at most 100 of each kind; nothing, if all is well. It
    /// reads the whole ledger.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn unbalanced(&self) -> Result<Vec<Unbalanced>> {
        let mut found = Vec::new();
        for (fault, query) in QUERIES {
            // Each statement sees one state of the database, and compares only within itself.
            for row in sql(query).fetch_all(self.reader()).await? {
                let id = row.text("id")?;
                found.push(Unbalanced { fault, id });
            }
        }
        Ok(found)
    }
}
