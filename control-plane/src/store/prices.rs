//! What a call costs whom, and what it cost when the call began.
//!
//! Tables hold the prices of now; every change of one is written down in the same transaction. The
//! price at an instant is the old one of the first change after it, else the present one.

use std::collections::{BTreeSet, HashMap};

use sqlx::any::AnyRow;
use tollgate_config::names::of_model;
use tollgate_policy::price::{Multiplier, Tariff};

use super::bounded::Bounded;
use super::query::Conditions;
use super::row::{Columns, readable, unexpected};
use super::sql::sql;
use super::write::Write;
use super::{Result, Store};
use crate::domain::{Listed, Page, PriceChange, PriceValue, now_unix_ms, tariff_from_json};

/// Which changes are wanted.
#[derive(Debug, Clone, Default)]
pub struct PriceQuery {
    /// `Some("")`: those that are for everybody.
    pub group: Option<String>,
    pub model: Option<String>,
    pub changed_by: Option<String>,
    /// Changed at or after, in Unix milliseconds.
    pub start_ms: Option<i64>,
    /// Changed at or before.
    pub end_ms: Option<i64>,
}

/// The prices that a batch of calls needs. Models are looked for in any case.
#[derive(Debug, Default)]
pub struct PriceBook {
    models: Vec<(String, Tariff)>,
    /// Those whose sizes in pixels are not taken for their class.
    unfuzzy: Vec<String>,
    /// By group, with their models.
    overrides: HashMap<String, Vec<(String, Tariff)>>,
    multipliers: HashMap<String, Multiplier>,
    /// Since the first call began, oldest first.
    changes: Vec<PriceChange>,
}

/// What a group pays for a model at an instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quote<'a> {
    pub tariff: &'a Tariff,
    /// It is the group's own.
    pub of_group: bool,
    pub multiplier: Multiplier,
    /// Whether sizes in pixels are taken for their class.
    pub fuzzy: bool,
}

const COLUMNS: &str =
    "SELECT id, changed_at, changed_by, group_id, model, old, new FROM price_history";

pub(super) const LIST: Bounded = Bounded {
    what: "a price change",
    table: "price_history",
    id: "price_history.id",
    select: COLUMNS,
    order: &["changed_at", "id"],
};

impl PriceQuery {
    pub(super) fn conditions(&self) -> Conditions {
        let mut conditions = Conditions::default();
        conditions.text("group_id = ?", self.group.as_deref());
        conditions.text("model = ?", self.model.as_deref());
        conditions.text("changed_by = ?", self.changed_by.as_deref());
        conditions.int("changed_at >= ?", self.start_ms);
        conditions.int("changed_at <= ?", self.end_ms);
        conditions
    }
}

impl Store {
    /// A page of price changes in the order of their time, and how many there are, counted up to 10,001.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn price_changes(
        &self,
        query: &PriceQuery,
        page: Page,
    ) -> Result<Listed<PriceChange>> {
        LIST.page(self.reader(), &query.conditions(), page, change)
            .await
    }

    /// The prices of `models` for `groups`, from `since_ms` on.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn price_book(
        &self,
        models: &[String],
        groups: &[String],
        since_ms: i64,
    ) -> Result<PriceBook> {
        let mut book = PriceBook::default();
        for config in self.model_configs_meant(models).await? {
            if config.settings.disable_resolution_fuzzy_match {
                book.unfuzzy.push(config.model.clone());
            }
            book.models.push((config.model, config.price));
        }
        let mut conditions = Conditions::default();
        conditions.names("group_id", groups);
        conditions.names_in_any_case("lower(model)", models);
        conditions.fixed("price IS NOT NULL");
        let rows = conditions.statement(
            "SELECT group_id, model, price FROM group_model_configs",
            " ORDER BY group_id, model",
        );
        for row in rows.fetch_all(self.reader()).await? {
            let tariff = tariff_from_json(&row.text("price")?);
            let tariff = tariff.map_err(|error| unexpected("price", error))?;
            let own = book.overrides.entry(row.text("group_id")?).or_default();
            own.push((row.text("model")?, tariff));
        }
        let mut conditions = Conditions::default();
        conditions.names("id", groups);
        let rows = conditions.statement("SELECT id, price_multiplier FROM groups", "");
        for row in rows.fetch_all(self.reader()).await? {
            let multiplier = Multiplier::from_nano(row.int("price_multiplier")?);
            book.multipliers.insert(row.text("id")?, multiplier);
        }
        // Read last: what changes between these reads is among the changes then.
        let mut conditions = Conditions::default();
        let known = book.models.iter().chain(book.overrides.values().flatten());
        let known: BTreeSet<_> = known.map(|(name, _)| name).chain(models).collect();
        let subjects: Vec<_> = known.into_iter().cloned().chain([String::new()]).collect();
        conditions.names("model", &subjects);
        conditions.int("changed_at > ?", Some(since_ms));
        let rows = conditions
            .statement(COLUMNS, " ORDER BY changed_at, id")
            .fetch_all(self.reader())
            .await?;
        book.changes = readable(&rows, "a price change", "id", change);
        Ok(book)
    }
}

impl Write {
    /// Sets what a group pays of every price, if it is there and anything is to be set.
    pub(super) async fn set_multiplier(
        &mut self,
        by: &str,
        group: &str,
        multiplier: Option<Multiplier>,
    ) -> Result<()> {
        let Some(new) = multiplier else { return Ok(()) };
        // The row is locked before it is read.
        let old = sql("UPDATE groups SET id = id WHERE id = $1 RETURNING price_multiplier")
            .bind(group.to_owned())
            .fetch_optional(&mut *self.transaction)
            .await?;
        let Some(old) = old else { return Ok(()) };
        let old = Multiplier::from_nano(old.int("price_multiplier")?);
        sql("UPDATE groups SET price_multiplier = $2 WHERE id = $1")
            .bind(group.to_owned())
            .bind(new.nano())
            .execute(&mut *self.transaction)
            .await?;
        let value = |multiplier| Some(PriceValue::Multiplier(multiplier));
        let change = (value(old), value(new));
        self.price_changed(by, group, "", change, now_unix_ms())
            .await
    }

    /// Writes down what a group that is about to go had of its own: calls that are booked later cost
    /// what they would have. It is locked already.
    pub(super) async fn end_own_prices(&mut self, by: &str, group: &str) -> Result<()> {
        let row = sql("SELECT price_multiplier FROM groups WHERE id = $1")
            .bind(group.to_owned())
            .fetch_optional(&mut *self.transaction)
            .await?;
        let Some(row) = row else { return Ok(()) };
        let multiplier = Multiplier::from_nano(row.int("price_multiplier")?);
        let mut ended = Vec::new();
        if multiplier != Multiplier::ONE {
            ended.push((String::new(), PriceValue::Multiplier(multiplier)));
        }
        let rows = sql(
            "SELECT model, price FROM group_model_configs WHERE group_id = $1 \
             AND price IS NOT NULL ORDER BY model",
        )
        .bind(group.to_owned())
        .fetch_all(&mut *self.transaction)
        .await?;
        for row in rows {
            let price = PriceValue::from_json(&row.text("price")?);
            let price = price.map_err(|error| unexpected("price", error))?;
            ended.push((row.text("model")?, price));
        }
        let now = now_unix_ms();
        for (model, old) in ended {
            self.price_changed(by, group, &model, (Some(old), None), now)
                .await?;
        }
        Ok(())
    }

    /// Writes down that a price changed from one to the other, if it did.
    pub(super) async fn price_changed(
        &mut self,
        by: &str,
        group: &str,
        model: &str,
        (old, new): (Option<PriceValue>, Option<PriceValue>),
        now_ms: i64,
    ) -> Result<()> {
        if old == new {
            return Ok(());
        }
        sql(
            "INSERT INTO price_history (changed_at, changed_by, group_id, model, old, new) \
             VALUES ($1, $2, $3, $4, $5, $6)",
        )
        .bind(now_ms)
        .bind(by.to_owned())
        .bind(group.to_owned())
        .bind(model.to_owned())
        .bind(old.as_ref().map(PriceValue::to_json))
        .bind(new.as_ref().map(PriceValue::to_json))
        .execute(&mut *self.transaction)
        .await?;
        Ok(())
    }
}

// === impl PriceBook ===

impl PriceBook {
    /// What the group paid for the model at that instant (0: now); nothing where nobody had set a
    /// price.
    #[must_use]
    pub fn at(&self, group: &str, model: &str, at_ms: i64) -> Option<Quote<'_>> {
        let changed = |group: &str, model: &str| {
            self.changes.iter().find(|change| {
                let is_later = at_ms > 0 && change.changed_at_ms > at_ms;
                is_later && change.group == group && change.model == model
            })
        };
        let own = self.overrides.get(group);
        let own = own.and_then(|own| of_model(own, model, |(name, _)| name));
        let own = match changed(group, name_of(own, model)).filter(|_| !group.is_empty()) {
            Some(change) => change.old.as_ref().and_then(PriceValue::tariff),
            None => own.map(|(_, tariff)| tariff),
        };
        let general = of_model(&self.models, model, |(name, _)| name);
        let general_name = name_of(general, model);
        let general = match changed("", general_name) {
            Some(change) => change.old.as_ref().and_then(PriceValue::tariff),
            None => general.map(|(_, tariff)| tariff),
        };
        let multiplier = match changed(group, "") {
            Some(change) => change.old.as_ref().and_then(PriceValue::multiplier),
            None => self.multipliers.get(group).copied(),
        };
        Some(Quote {
            tariff: own.or(general.filter(|tariff| !tariff.is_free()))?,
            of_group: own.is_some(),
            multiplier: multiplier.unwrap_or_default(),
            fuzzy: !self.unfuzzy.iter().any(|name| name == general_name),
        })
    }
}

/// Under which a price is in the history: what is gone has left its name there.
fn name_of<'a>(known: Option<&'a (String, Tariff)>, model: &'a str) -> &'a str {
    known.map_or(model, |(name, _)| name)
}

fn change(row: &AnyRow) -> Result<PriceChange> {
    let value = |column| {
        let text = row.optional_text(column)?;
        let value = text.map(|text| PriceValue::from_json(&text)).transpose();
        value.map_err(|error| unexpected(column, error))
    };
    Ok(PriceChange {
        id: row.int("id")?,
        changed_at_ms: row.int("changed_at")?,
        changed_by: row.text("changed_by")?,
        group: row.text("group_id")?,
        model: row.text("model")?,
        old: value("old")?,
        new: value("new")?,
    })
}
