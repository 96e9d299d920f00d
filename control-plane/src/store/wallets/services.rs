//! Services elsewhere that keep the money of groups.

use sqlx::any::AnyRow;

use crate::domain::{BalanceService, BalanceServicePatch, BaseUrl, Listed, Page, now_unix_ms};
use crate::secrets::{Place, Secret, SecretTag, hint};
use crate::store::error::OnConflict;
use crate::store::query::Conditions;
use crate::store::row::{Columns, unexpected};
use crate::store::sql::sql;
use crate::store::write::Write;
use crate::store::{Change, Error, Result, Store};

const COLUMNS: &str = "SELECT id, created_at, name, url, private, secret_hint, secret_sealed \
     FROM balance_services";

/// What is needed to call one.
#[derive(Debug, Clone)]
pub struct ServiceAccess {
    pub url: BaseUrl,
    /// Whether it may be in a private network.
    pub private: bool,
    pub secret: Secret,
}

impl Store {
    /// # Errors
    /// When the database is away.
    pub async fn balance_services(&self, page: Page) -> Result<Listed<BalanceService>> {
        let count = "SELECT count(*) FROM balance_services";
        let what = ("a balance service", COLUMNS, count);
        Conditions::default()
            .page(self.reader(), what, page, "id", service)
            .await
    }

    /// # Errors
    /// When the database is away.
    pub async fn balance_service_ids(&self) -> Result<Vec<i64>> {
        let rows = sql("SELECT id FROM balance_services ORDER BY id")
            .fetch_all(self.reader())
            .await?;
        rows.iter().map(|row| row.int("id")).collect()
    }

    /// # Errors
    /// `NotFound` when there is none.
    pub async fn balance_service(&self, id: i64) -> Result<BalanceService> {
        let mut conditions = Conditions::default();
        conditions.int("id = ?", Some(id));
        let row = conditions
            .statement(COLUMNS, "")
            .fetch_optional(self.reader())
            .await?;
        service(&row.ok_or_else(|| missing(id))?)
    }

    /// # Errors
    /// `Conflict` when there is one with this name.
    pub async fn create_balance_service(&self, new: BalanceServicePatch) -> Result<BalanceService> {
        self.write(|write| {
            Box::pin(async move {
                let name = new.name.clone().unwrap_or_default();
                let row = sql(
                    "INSERT INTO balance_services (created_at, name, url, private, secret_sealed, \
                     secret_hint) VALUES ($1, $2, '', 0, $3, '') RETURNING id",
                )
                .bind(now_unix_ms())
                .bind(name.clone())
                .bind(Vec::new())
                .fetch_one(&mut *write.transaction)
                .await
                .on_conflict(|| format!("there is a balance service named {name}"))?;
                write.update_balance_service(row.int("id")?, new).await
            })
        })
        .await
    }

    /// Changes what the patch names.
    ///
    /// # Errors
    /// `NotFound` when there is none; `Conflict` when there is one with this name; `WrittenSince` when
    /// it was moved so that its secret must be in the patch, which whoever asks has looked at before.
    pub async fn update_balance_service(
        &self,
        id: i64,
        patch: BalanceServicePatch,
    ) -> Result<BalanceService> {
        self.write(move |write| Box::pin(write.update_balance_service(id, patch)))
            .await
    }

    /// # Errors
    /// `NotFound` when there is none; `Conflict` while groups have their money there.
    pub async fn delete_balance_service(&self, id: i64) -> Result<()> {
        self.write(move |write| {
            Box::pin(async move {
                let used =
                    sql("SELECT id FROM accounts WHERE service_id = $1 AND closed_at = 0 LIMIT 1")
                        .bind(id)
                        .fetch_optional(&mut *write.transaction)
                        .await?;
                let in_use = || "groups have their money there; close their wallets first";
                if used.is_some() {
                    return Err(Error::Conflict(in_use().into()));
                }
                let done = sql("DELETE FROM balance_services WHERE id = $1")
                    .bind(id)
                    .execute(&mut *write.transaction)
                    .await
                    .on_conflict(|| in_use().into())?;
                write.changed(Change::Settings);
                (done.rows_affected() == 1)
                    .then_some(())
                    .ok_or_else(|| missing(id))
            })
        })
        .await
    }

    /// What is needed to call a service.
    ///
    /// # Errors
    /// `NotFound` when there is none; `Row` when its secret does not open.
    pub async fn service_access(&self, id: i64) -> Result<ServiceAccess> {
        let row = sql("SELECT url, private, secret_sealed FROM balance_services WHERE id = $1")
            .bind(id)
            .fetch_optional(self.reader())
            .await?
            .ok_or_else(|| missing(id))?;
        self.know_keys(std::slice::from_ref(&row), "secret_sealed")
            .await?;
        let secret = self
            .open(place(id), &row.bytes("secret_sealed")?)
            .map_err(|error| unexpected("secret_sealed", error))?;
        Ok(ServiceAccess {
            url: url(&row)?,
            private: row.flag("private")?,
            secret,
        })
    }
}

impl Write {
    async fn update_balance_service(
        &mut self,
        id: i64,
        patch: BalanceServicePatch,
    ) -> Result<BalanceService> {
        if let (Some(wanted), None) = (&patch.url, &patch.secret) {
            // Its secret can be another than when somebody looked, for another host.
            let row = sql("UPDATE balance_services SET name = name WHERE id = $1 RETURNING url")
                .bind(id)
                .fetch_optional(&mut *self.transaction)
                .await?;
            if url(&row.ok_or_else(|| missing(id))?)?.origin() != wanted.origin() {
                return Err(Error::WrittenSince);
            }
        }
        let sealed = match &patch.secret {
            Some(secret) => Some(self.seal(place(id), secret).await?),
            None => None,
        };
        let row = sql(
            "UPDATE balance_services SET name = coalesce($2, name), url = coalesce($3, url), \
             private = coalesce($4, private), secret_sealed = coalesce($5, secret_sealed), \
             secret_hint = coalesce($6, secret_hint) WHERE id = $1 \
             RETURNING id, created_at, name, url, private, secret_hint, secret_sealed",
        )
        .bind(id)
        .bind(patch.name)
        .bind(patch.url.map(|url| url.to_string()))
        .bind(patch.private.map(i64::from))
        .bind(sealed)
        .bind(patch.secret.as_ref().map(|secret| hint(secret.expose())))
        .fetch_optional(&mut *self.transaction)
        .await
        .on_conflict(|| "there is a balance service of this name already".into())?;
        self.changed(Change::Settings);
        service(&row.ok_or_else(|| missing(id))?)
    }
}

/// Where a service's secret is sealed for.
pub(in crate::store) fn place(row: i64) -> Place {
    Place {
        table: "balance_services",
        column: "secret_sealed",
        row,
    }
}

fn missing(id: i64) -> Error {
    Error::missing("balance service", id)
}

fn url(row: &AnyRow) -> Result<BaseUrl> {
    let (url, _) = BaseUrl::parse(&row.text("url")?).map_err(|error| unexpected("url", error))?;
    Ok(url)
}

fn service(row: &AnyRow) -> Result<BalanceService> {
    Ok(BalanceService {
        id: row.int("id")?,
        created_at_ms: row.int("created_at")?,
        name: row.text("name")?,
        url: url(row)?,
        private: row.flag("private")?,
        secret_hint: row.text("secret_hint")?,
        secret_tag: SecretTag::of(&row.bytes("secret_sealed")?),
    })
}
