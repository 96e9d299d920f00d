//! Limits: columns of tokens, model configs and groups.

use std::collections::BTreeMap;

use sqlx::any::AnyRow;
use tollgate_config::meter::{Limits, ModelLimits, TokenRecord, TokenUpdate};
use tollgate_policy::price::{Multiplier, NanoUsd};

use super::query::Conditions;
use super::row::Columns;
use super::sql::sql;
use super::write::Write;
use super::{Change, GroupModelQuery, Result, Store};
use crate::domain::{
    ConsumeLevels, GroupLimits, GroupLimitsPatch, LimitsPatch, Log, Ratio, ceiling, millionths,
    options,
};

/// What applies to every token.
#[derive(Debug, Default)]
pub(super) struct Terms {
    levels: ConsumeLevels,
    /// Of each address.
    addresses: Limits,
}

impl Store {
    /// What applies to every token now.
    pub(super) async fn limit_terms(&self) -> Result<Terms> {
        let options = self.options().await?;
        let levels = options.ratios(options::GROUP_CONSUME_LEVEL_RATIO);
        let level = |level: options::Ratio| (level.from, Ratio::from_number(level.ratio));
        let whole = |option| options.whole(option).unsigned_abs();
        Ok(Terms {
            levels: ConsumeLevels::new(levels.into_iter().map(level).collect()),
            addresses: Limits {
                rpm: whole(options::IP_RPM),
                tpm: whole(options::IP_TPM),
                max_concurrency: whole(options::IP_MAX_CONCURRENCY),
            },
        })
    }
}

impl Store {
    /// Gives tokens what their groups have instead of some models' own. Which bodies are kept is not
    /// among it: that is published with the models.
    pub(super) async fn add_model_limits(&self, updates: &mut [TokenUpdate]) -> Result<()> {
        let mut own: BTreeMap<String, Vec<ModelLimits>> = BTreeMap::new();
        for config in self.group_models(&GroupModelQuery::default()).await? {
            let limits = config.overrides.limit.map(|limit| Limits {
                rpm: limit.rpm.unsigned_abs(),
                tpm: limit.tpm.unsigned_abs(),
                max_concurrency: 0,
            });
            let number = |given: i64| u32::try_from(given).unwrap_or(0);
            let timeouts = config.overrides.timeout_config;
            let retry_times = config.overrides.retry_times.map(number);
            let is_other = limits.is_some() || retry_times.is_some() || timeouts.is_some();
            if !is_other && config.price.is_none() {
                continue;
            }
            let most = config.price.as_ref().map(ceiling).unwrap_or_default();
            own.entry(config.group).or_default().push(ModelLimits {
                model: config.model,
                limits,
                is_priced: config.price.is_some(),
                request_nano_usd: most.request,
                input_nano_usd: most.input,
                output_nano_usd: most.output,
                search_nano_usd: most.search,
                retry_times,
                request_timeout_s: timeouts.map(|it| number(it.request_timeout)),
                stream_timeout_s: timeouts.map(|it| number(it.stream_request_timeout)),
            });
        }
        for record in updates.iter_mut().filter_map(|it| it.record.as_mut()) {
            if let Some(limits) = own.get(&record.group) {
                record.model_limits.clone_from(limits);
            }
        }
        Ok(())
    }
}

impl Write {
    /// Has gateways told of groups that have reached another level by these rows, which their used
    /// amounts hold already.
    pub(super) async fn reach_levels(&mut self, terms: &Terms, written: &[Log]) -> Result<()> {
        let mut added: BTreeMap<&str, NanoUsd> = BTreeMap::new();
        for log in written.iter().filter(|log| log.token_id != 0) {
            let sum = added.entry(log.group.as_str()).or_insert(NanoUsd(0));
            sum.0 = sum.0.saturating_add(log.amount.0.max(0));
        }
        if added.is_empty() || terms.levels.is_empty() {
            return Ok(());
        }
        let groups: Vec<String> = added.keys().map(|&group| group.to_owned()).collect();
        let mut conditions = Conditions::default();
        conditions.names("id", &groups);
        let rows = conditions
            .statement("SELECT id, used_amount FROM groups", "")
            .fetch_all(&mut *self.transaction)
            .await?;
        for row in &rows {
            let (id, used) = (row.text("id")?, NanoUsd(row.int("used_amount")?));
            let added = added.get(id.as_str()).copied().unwrap_or(NanoUsd(0));
            if terms.levels.is_crossed(used, added) {
                self.changed(Change::GroupTokens(id));
            }
        }
        Ok(())
    }

    /// Sets what the patch names. The row is there.
    pub(super) async fn limit_token(&mut self, id: i64, patch: LimitsPatch) -> Result<()> {
        if patch.is_empty() {
            return Ok(());
        }
        sql(
            "UPDATE tokens SET rpm = coalesce($2, rpm), tpm = coalesce($3, tpm), \
             max_concurrency = coalesce($4, max_concurrency) WHERE id = $1",
        )
        .bind(id)
        .bind(patch.rpm)
        .bind(patch.tpm)
        .bind(patch.max_concurrency)
        .execute(&mut *self.transaction)
        .await?;
        Ok(())
    }

    /// Sets what the patch names. The row is there.
    pub(super) async fn limit_model(&mut self, model: &str, patch: LimitsPatch) -> Result<()> {
        if patch.is_empty() {
            return Ok(());
        }
        sql(
            "UPDATE model_configs SET rpm = coalesce($2, rpm), tpm = coalesce($3, tpm), \
             max_concurrency = coalesce($4, max_concurrency) WHERE model = $1",
        )
        .bind(model.to_owned())
        .bind(patch.rpm)
        .bind(patch.tpm)
        .bind(patch.max_concurrency)
        .execute(&mut *self.transaction)
        .await?;
        Ok(())
    }

    /// Sets what the patch names. The row is there.
    pub(super) async fn limit_group(&mut self, id: &str, patch: GroupLimitsPatch) -> Result<()> {
        if patch == GroupLimitsPatch::default() {
            return Ok(());
        }
        sql("UPDATE groups SET rpm_ratio = coalesce($2, rpm_ratio), \
             tpm_ratio = coalesce($3, tpm_ratio), user_rpm = coalesce($4, user_rpm), \
             user_tpm = coalesce($5, user_tpm), \
             user_max_concurrency = coalesce($6, user_max_concurrency) WHERE id = $1")
        .bind(id.to_owned())
        .bind(patch.rpm_ratio.map(Ratio::millionths))
        .bind(patch.tpm_ratio.map(Ratio::millionths))
        .bind(patch.users.rpm)
        .bind(patch.users.tpm)
        .bind(patch.users.max_concurrency)
        .execute(&mut *self.transaction)
        .await?;
        Ok(())
    }
}

/// Of a token's or a model config's row.
pub(super) fn limits(row: &AnyRow) -> Result<Limits> {
    Ok(Limits {
        rpm: row.narrow("rpm")?,
        tpm: row.narrow("tpm")?,
        max_concurrency: row.narrow("max_concurrency")?,
    })
}

/// Of a group's row.
pub(super) fn group_limits(row: &AnyRow) -> Result<GroupLimits> {
    Ok(GroupLimits {
        rpm_ratio: Ratio::from_millionths(row.int("rpm_ratio")?),
        tpm_ratio: Ratio::from_millionths(row.int("tpm_ratio")?),
        users: Limits {
            rpm: row.narrow("user_rpm")?,
            tpm: row.narrow("user_tpm")?,
            max_concurrency: row.narrow("user_max_concurrency")?,
        },
    })
}

/// What a token's row and its group's say together, what the group pays included; `group_used_amount` is what the group has spent.
pub(super) fn resolve(row: &AnyRow, terms: &Terms, record: &mut TokenRecord) -> Result<()> {
    let some = |limits: Limits| Some(limits).filter(|limits| !limits.is_none());
    let group = group_limits(row)?;
    let level = terms.levels.ratio(NanoUsd(row.int("group_used_amount")?));
    let ratio = |own: Ratio| match own.times(level) {
        // What says nothing takes no room in 100,000 tokens.
        Ratio::ONE => 0,
        ratio => ratio.millionths().unsigned_abs(),
    };
    record.limits = some(limits(row)?);
    record.user_limits = some(group.users);
    record.ip_limits = some(terms.addresses);
    record.rpm_ratio = ratio(group.rpm_ratio);
    record.tpm_ratio = ratio(group.tpm_ratio);
    record.price_multiplier = millionths(Multiplier::from_nano(row.int("price_multiplier")?));
    Ok(())
}

#[cfg(test)]
mod tests;
