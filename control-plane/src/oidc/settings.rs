//! What the operator says about the provider.

use std::collections::BTreeMap;
use std::net::IpAddr;

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Map, Value};
use url::{Host, Url};

use crate::cli::OidcArgs;
use crate::domain::Role;
use crate::secrets::Secret;

/// Where the provider sends browsers back to, below the gateway's own address.
pub const CALLBACK_PATH: &str = "/api/auth/oidc/callback";

#[derive(Debug, Clone)]
pub struct Settings {
    /// Letter for letter as the provider says it.
    pub issuer: String,
    /// The same, read.
    pub(super) issuer_url: Url,
    pub(super) client_id: String,
    pub(super) client_secret: Option<Secret>,
    pub(super) redirect: Url,
    pub(super) scopes: String,
    roles: Option<Roles>,
}

/// How a claim becomes a role.
#[derive(Debug, Clone)]
struct Roles {
    claim: String,
    values: BTreeMap<String, Role>,
}

impl Settings {
    /// `None` when no provider is named.
    ///
    /// # Errors
    /// The first setting that is missing or breaks a rule, by the name of its variable.
    pub fn read(args: &OidcArgs) -> Result<Option<Self>> {
        let Some(issuer) = filled(args.oidc_issuer.as_ref()) else {
            return Ok(None);
        };
        let issuer_url = Url::parse(issuer).context("OIDC_ISSUER must be a URL")?;
        check(&issuer_url, "OIDC_ISSUER")?;
        let client_id = filled(args.oidc_client_id.as_ref())
            .context("OIDC_ISSUER is set, so OIDC_CLIENT_ID is required")?;
        let redirect = args.oidc_redirect_url.clone();
        let redirect = redirect.and_then(|url| url.0).with_context(|| {
            format!(
                "OIDC_ISSUER is set, so OIDC_REDIRECT_URL is required: the gateway's address as \
                 browsers see it, followed by {CALLBACK_PATH}"
            )
        })?;
        check(&redirect, "OIDC_REDIRECT_URL")?;
        ensure!(
            redirect.path() == CALLBACK_PATH,
            "OIDC_REDIRECT_URL must end with {CALLBACK_PATH}"
        );
        ensure!(
            args.oidc_scopes
                .split_ascii_whitespace()
                .any(|it| it == "openid"),
            "OIDC_SCOPES must have openid among them"
        );
        let scopes: Vec<&str> = args.oidc_scopes.split_ascii_whitespace().collect();
        Ok(Some(Self {
            issuer: issuer.to_owned(),
            issuer_url,
            client_id: client_id.to_owned(),
            client_secret: args
                .oidc_client_secret
                .clone()
                .filter(|secret| !secret.is_empty()),
            redirect,
            scopes: scopes.join(" "),
            roles: Roles::read(args)?,
        }))
    }

    /// Whether browsers come over TLS.
    #[must_use]
    pub fn is_secure(&self) -> bool {
        self.redirect.scheme() == "https"
    }

    /// The role that the claims give, if they have a say in it.
    pub(super) fn role(&self, claims: &Map<String, Value>) -> Option<Role> {
        self.roles.as_ref().map(|roles| roles.of(claims))
    }
}

impl Roles {
    fn read(args: &OidcArgs) -> Result<Option<Self>> {
        let claim = filled(args.oidc_role_claim.as_ref());
        let mapping = filled(args.oidc_role_mapping.as_ref());
        let (claim, mapping) = match (claim, mapping) {
            (None, None) => return Ok(None),
            (Some(claim), Some(mapping)) => (claim, mapping),
            _ => bail!("OIDC_ROLE_CLAIM and OIDC_ROLE_MAPPING belong together; one is not set"),
        };
        let pair = |pair: &str| {
            let (value, role) = pair.rsplit_once('=')?;
            let value = value.trim();
            let role = Role::read(role.trim())?;
            (!value.is_empty()).then(|| (value.to_owned(), role))
        };
        let values: Option<BTreeMap<String, Role>> = mapping.split(',').map(pair).collect();
        let values = values.context(
            "OIDC_ROLE_MAPPING must be value=role pairs with commas between them; roles are \
             administrator, user and read_only",
        )?;
        Ok(Some(Self {
            claim: claim.to_owned(),
            values,
        }))
    }

    /// The role with most rights of those that the claim's values have.
    fn of(&self, claims: &Map<String, Value>) -> Role {
        let values: Vec<&str> = match find(claims, &self.claim) {
            Some(Value::String(value)) => vec![value],
            Some(Value::Array(values)) => values.iter().filter_map(Value::as_str).collect(),
            _ => Vec::new(),
        };
        let has = |role: Role| {
            values
                .iter()
                .any(|value| self.values.get(*value) == Some(&role))
        };
        [Role::Administrator, Role::ReadOnly]
            .into_iter()
            .find(|role| has(*role))
            .unwrap_or(Role::User)
    }
}

/// A claim of this name, else what a path with dots leads to: names of claims may have dots.
fn find<'a>(claims: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    if let Some(value) = claims.get(name) {
        return Some(value);
    }
    let (outer, inner) = name.split_once('.')?;
    find(claims.get(outer)?.as_object()?, inner)
}

/// Codes and secrets travel there.
fn check(url: &Url, name: &str) -> Result<()> {
    let local = match url.host() {
        Some(Host::Ipv4(address)) => IpAddr::V4(address).is_loopback(),
        Some(Host::Ipv6(address)) => IpAddr::V6(address).is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    };
    ensure!(
        url.has_host() && (url.scheme() == "https" || url.scheme() == "http" && local),
        "{name} must begin with https:// (http:// is for this machine alone)"
    );
    ensure!(
        url.query().is_none() && url.fragment().is_none() && url.username().is_empty(),
        "{name} must have no query, fragment or user name"
    );
    Ok(())
}

fn filled(text: Option<&String>) -> Option<&str> {
    text.map(|text| text.trim()).filter(|text| !text.is_empty())
}

#[cfg(test)]
pub(super) mod tests {
    use serde_json::json;

    use super::*;
    use crate::cli::OptionalUrl;

    pub(in crate::oidc) fn args(issuer: &str) -> OidcArgs {
        let redirect = format!("https://gateway.example{CALLBACK_PATH}");
        OidcArgs {
            oidc_issuer: Some(issuer.into()),
            oidc_client_id: Some("tollgate".into()),
            oidc_redirect_url: Some(OptionalUrl(Some(redirect.parse().unwrap()))),
            oidc_scopes: "openid".into(),
            ..OidcArgs::default()
        }
    }

    #[test]
    fn what_is_wrong_is_named_by_its_variable() {
        let read = |change: &dyn Fn(&mut OidcArgs)| {
            let mut args = args("https://id.example/realm");
            change(&mut args);
            Settings::read(&args).map_err(|error| format!("{error:#}"))
        };
        assert!(read(&|_| ()).unwrap().is_some());
        assert!(
            read(&|args| args.oidc_issuer = Some(" ".into()))
                .unwrap()
                .is_none()
        );
        let url = |text: &str| Some(OptionalUrl(Some(text.parse().unwrap())));
        let refused = |change: &dyn Fn(&mut OidcArgs), words: &str| {
            let told = read(change).unwrap_err();
            assert!(told.contains(words), "{told} should say: {words}");
        };
        refused(
            &|a| a.oidc_issuer = Some("http://id.example".into()),
            "OIDC_ISSUER",
        );
        refused(&|a| a.oidc_issuer = Some("id".into()), "OIDC_ISSUER");
        refused(
            &|a| a.oidc_issuer = Some("https://id.example/?a".into()),
            "OIDC_ISSUER",
        );
        refused(&|a| a.oidc_client_id = Some("".into()), "OIDC_CLIENT_ID");
        refused(&|a| a.oidc_redirect_url = None, "OIDC_REDIRECT_URL");
        refused(
            &|a| a.oidc_redirect_url = url("https://gateway.example/other"),
            CALLBACK_PATH,
        );
        refused(
            &|a| a.oidc_redirect_url = url("http://gateway.example/api/auth/oidc/callback"),
            "https://",
        );
        refused(&|a| a.oidc_scopes = "profile".into(), "OIDC_SCOPES");
        refused(
            &|a| a.oidc_role_claim = Some("groups".into()),
            "OIDC_ROLE_MAPPING",
        );
        for mapping in ["a", "=user", "a=root", "a=user,,b=user"] {
            refused(
                &|a| {
                    a.oidc_role_claim = Some("groups".into());
                    a.oidc_role_mapping = Some(mapping.into());
                },
                "OIDC_ROLE_MAPPING must be",
            );
        }
    }

    #[test]
    fn a_claim_gives_the_role_that_it_is_mapped_to_and_no_other() {
        let role = |claim: Option<&str>, claims: Value| {
            let mut args = args("https://id.example");
            args.oidc_role_claim = claim.map(str::to_owned);
            args.oidc_role_mapping = claim.map(|_| "admins=administrator,eyes=read_only".into());
            let settings = Settings::read(&args).unwrap().unwrap();
            settings.role(claims.as_object().unwrap())
        };
        // Unless they are asked, claims say nothing.
        assert_eq!(role(None, json!({"groups": ["admins"]})), None);
        assert_eq!(role(None, json!({"role": "administrator"})), None);
        for (claim, claims, expected) in [
            ("groups", json!({"groups": ["x", "eyes"]}), Role::ReadOnly),
            (
                "groups",
                json!({"groups": ["eyes", "admins"]}),
                Role::Administrator,
            ),
            ("groups", json!({"groups": "admins"}), Role::Administrator),
            ("groups", json!({"groups": ["administrator"]}), Role::User),
            ("groups", json!({"groups": {"admins": true}}), Role::User),
            ("groups", json!({"role": "admins"}), Role::User),
            (
                "realm_access.roles",
                json!({"realm_access": {"roles": ["admins"]}}),
                Role::Administrator,
            ),
            (
                "https://x.example/roles",
                json!({"https://x.example/roles": ["eyes"]}),
                Role::ReadOnly,
            ),
        ] {
            assert_eq!(
                role(Some(claim), claims.clone()),
                Some(expected),
                "{claims}"
            );
        }
    }
}
