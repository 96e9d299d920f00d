//! A service that is called over HTTP.

use std::fmt::Write as _;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use tollgate_policy::price::NanoUsd;
use url::Url;
use url::form_urlencoded::byte_serialize;

use super::{BalanceProvider, ProviderError};
use crate::domain::Consumption;
use crate::outbound::{self, Call, Reach};
use crate::store::ServiceAccess;

/// One service; see [`crate::balance`] for what it is asked.
#[derive(Debug)]
pub struct HttpService {
    access: ServiceAccess,
}

#[derive(Serialize)]
struct Consume<'a> {
    group: &'a str,
    amount: &'a RawValue,
    calls: i64,
    idempotency_key: &'a str,
}

#[derive(Deserialize)]
struct Told {
    balance: Option<Box<RawValue>>,
}

impl HttpService {
    #[must_use]
    pub fn new(access: ServiceAccess) -> Self {
        Self { access }
    }

    async fn call(
        &self,
        path: &str,
        headers: &[(&'static str, String)],
        body: Option<Vec<u8>>,
    ) -> Result<Option<NanoUsd>, ProviderError> {
        let failed = |error: &dyn std::fmt::Display| ProviderError::Call(error.to_string());
        let url = format!("{}{path}", self.access.url);
        let url = Url::parse(&url).map_err(|error| failed(&error))?;
        let reach = if self.access.private {
            Reach::Anywhere
        } else {
            Reach::Public
        };
        let secret = self.access.secret.expose();
        let mut call = match body {
            Some(body) => Call::post(&url, reach, "application/json", body),
            None => Call::get(&url, reach),
        };
        call = call.header("authorization", format!("Bearer {secret}"));
        for (name, value) in headers {
            call = call.header(name, value.clone());
        }
        let (status, body) = outbound::call(call).await.map_err(|error| failed(&error))?;
        if !status.is_success() {
            return Err(ProviderError::Status(status.as_u16()));
        }
        if body.trim_ascii().is_empty() {
            return Ok(None);
        }
        let told: Told = serde_json::from_slice(&body).map_err(|_| ProviderError::Answer)?;
        told.balance.map(|balance| amount(&balance)).transpose()
    }
}

impl BalanceProvider for HttpService {
    async fn balance(&self, group: &str) -> Result<NanoUsd, ProviderError> {
        let mut path = String::from("/balance?group=");
        for part in byte_serialize(group.as_bytes()) {
            let _ = path.write_str(part);
        }
        let told = self.call(&path, &[], None).await?;
        told.ok_or(ProviderError::Answer)
    }

    async fn consume(&self, consumption: &Consumption) -> Result<Option<NanoUsd>, ProviderError> {
        // A decimal number is valid JSON.
        let amount = RawValue::from_string(consumption.amount.to_string());
        let consume = Consume {
            group: &consumption.group,
            amount: &amount.map_err(|_| ProviderError::Answer)?,
            calls: consumption.calls,
            idempotency_key: &consumption.key,
        };
        let body = serde_json::to_vec(&consume).map_err(|_| ProviderError::Answer)?;
        let key = [("idempotency-key", consumption.key.clone())];
        self.call("/consume", &key, Some(body)).await
    }
}

/// A number, or a text with one, perhaps below zero; digits beyond a nano-dollar do not count.
fn amount(raw: &RawValue) -> Result<NanoUsd, ProviderError> {
    let text = serde_json::from_str::<String>(raw.get()).unwrap_or_else(|_| raw.get().to_owned());
    let (sign, digits) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text.as_str()),
    };
    let digits = match digits.split_once('.') {
        Some((whole, fraction)) if !fraction.contains(['e', 'E']) => {
            let kept: String = fraction.chars().take(9).collect();
            format!("{whole}.{kept}")
        }
        _ => digits.to_owned(),
    };
    let amount: NanoUsd = digits.parse().map_err(|_| ProviderError::Answer)?;
    Ok(NanoUsd(sign * amount.0))
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::body::Bytes;
    use axum::extract::RawQuery;
    use axum::http::HeaderMap;
    use axum::routing::{get, post};
    use serde_json::json;

    use super::*;
    use crate::domain::BaseUrl;
    use crate::secrets::Secret;

    #[test]
    fn balances_are_read_as_services_write_them() {
        for (json, expected) in [
            ("12.5", Some(12_500_000_000)),
            ("\"12.5\"", Some(12_500_000_000)),
            ("-0.000000001", Some(-1)),
            ("0.30000000000000004", Some(300_000_000)),
            ("0", Some(0)),
            ("2e-9", Some(2)),
            ("\"much\"", None),
            ("true", None),
            ("\"--1\"", None),
            ("1e30", None),
        ] {
            let raw = RawValue::from_string(json.into()).unwrap();
            assert_eq!(amount(&raw).ok().map(|it| it.0), expected, "{json}");
        }
    }

    /// A service that says what it was asked.
    async fn service(private: bool) -> HttpService {
        let told = |headers: &HeaderMap, name: &str| headers[name].to_str().unwrap().to_owned();
        let balance = async |RawQuery(query): RawQuery| match query.as_deref() {
            Some("group=a+%26%C3%A9") => (200, r#"{"balance": "1.5", "currency": "USD"}"#),
            _ => (404, ""),
        };
        let consume = async move |headers: HeaderMap, body: Bytes| {
            let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
            assert_eq!(told(&headers, "authorization"), "Bearer canary");
            assert_eq!(told(&headers, "idempotency-key"), "usage:r1");
            let expected = json!({"group": "a &é", "amount": 0.000000002, "calls": 3,
                "idempotency_key": "usage:r1"});
            assert_eq!(body, expected);
            "{\"balance\":-2}"
        };
        let balance = async move |query| {
            let (status, body) = balance(query).await;
            (http::StatusCode::from_u16(status).unwrap(), body)
        };
        let router = Router::new()
            .route("/v1/balance", get(balance))
            .route("/v1/consume", post(consume));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/v1", listener.local_addr().unwrap());
        tokio::spawn(async { axum::serve(listener, router).await });
        HttpService::new(ServiceAccess {
            url: BaseUrl::parse(&url).unwrap().0,
            private,
            secret: Secret::new("canary"),
        })
    }

    #[tokio::test]
    async fn a_service_is_asked_and_told_over_http() {
        let service = service(true).await;
        assert_eq!(
            service.balance("a &é").await.unwrap(),
            NanoUsd(1_500_000_000)
        );
        let unknown = service.balance("b").await.unwrap_err();
        assert!(matches!(unknown, ProviderError::Status(404)), "{unknown}");
        let consumption = Consumption {
            id: 1,
            service: 1,
            group: "a &é".into(),
            created_at_ms: 0,
            transaction: 1,
            key: "usage:r1".into(),
            amount: NanoUsd(2),
            calls: 3,
            attempts: 1,
            next_at_ms: 0,
            error: String::new(),
        };
        let left = service.consume(&consumption).await.unwrap();
        assert_eq!(left, Some(NanoUsd(-2_000_000_000)));
    }

    #[tokio::test]
    async fn what_is_not_said_to_be_private_must_be_public() {
        let error = service(false).await.balance("a").await.unwrap_err();
        assert!(error.to_string().contains("https://"), "{error}");
    }
}
