//! What stands in a channel's key field: a key of one word, or the credentials of a cloud together
//! with what they belong to, in AI Proxy's forms.
//!
//! AWS: `region|access key id|secret access key`, with `|session token` for temporary ones;
//! `region|API key`. Google: `region|{JSON of a key file}`, `region|project|API key`,
//! `region|API key`. The region may be missing where the channel's configs say it.

use tollgate_catalog::{Cloud, Provider, Values};

use super::GoogleKey;
use crate::secrets::Secret;

/// A channel's key, read.
#[derive(Debug, Clone)]
pub struct ChannelKey {
    /// What it says of the channel's settings. What the channel's configs say goes first.
    pub values: Values,
    pub access: Access,
}

/// How calls get in.
#[derive(Debug, Clone)]
pub enum Access {
    /// The key is sent as it is. Empty: nothing is sent.
    Key(Secret),
    /// Every call is signed with it.
    Aws(AwsKey),
    /// Access tokens are fetched with it, and sent.
    Google(GoogleKey),
}

/// Access keys of AWS.
#[derive(Debug, Clone)]
pub struct AwsKey {
    /// Names the key, in every call too; no secret, and not shown all the same.
    pub id: Secret,
    pub secret: Secret,
    /// Of temporary ones.
    pub session_token: Option<Secret>,
}

/// Names the rule that is broken; nothing of the key is in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidChannelKey(pub &'static str);

impl ChannelKey {
    /// # Errors
    /// When the provider's cloud has no such key.
    pub fn read(provider: &Provider, key: &Secret) -> Result<Self, InvalidChannelKey> {
        match provider.cloud {
            _ if key.is_empty() => Ok(Self::plain(key.clone())),
            None => Ok(Self::plain(key.clone())),
            Some(Cloud::Aws) => aws(key.expose()),
            Some(Cloud::Google) => google(key.expose()),
        }
    }

    /// The channel's settings: its configs', and what its key says besides.
    #[must_use]
    pub fn complete(&self, mut configs: Values) -> Values {
        for (name, value) in &self.values {
            configs.entry(name.clone()).or_insert_with(|| value.clone());
        }
        configs
    }

    fn plain(key: Secret) -> Self {
        Self {
            values: Values::new(),
            access: Access::Key(key),
        }
    }

    fn with(mut self, name: &str, value: &str) -> Result<Self, InvalidChannelKey> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        if !value.bytes().all(plain) {
            return Err(InvalidChannelKey(
                "begins with a region or project that is not letters, digits and '-'",
            ));
        }
        if !value.is_empty() {
            self.values.insert(name.into(), value.into());
        }
        Ok(self)
    }
}

/// One key of Google's is a file of many lines: it becomes one line. Everything else stays.
#[must_use]
pub fn on_one_line(text: &str) -> Option<String> {
    let (before, json) = text.split_at_checked(text.find('{')?)?;
    let json: serde_json::Map<String, serde_json::Value> = serde_json::from_str(json).ok()?;
    Some(format!(
        "{}{}",
        before.trim(),
        serde_json::Value::from(json)
    ))
}

fn aws(key: &str) -> Result<ChannelKey, InvalidChannelKey> {
    let parts: Vec<&str> = key.split('|').map(str::trim).collect();
    match *parts.as_slice() {
        [key] => Ok(ChannelKey::plain(Secret::new(key))),
        [region, key] => ChannelKey::plain(word(key)?).with("region", region),
        [region, id, secret] => access_key(id, secret, None)?.with("region", region),
        [region, id, secret, token] => {
            access_key(id, secret, Some(word(token)?))?.with("region", region)
        }
        _ => Err(InvalidChannelKey(
            "must be region|access key id|secret access key, with |session token for temporary \
             ones, or an API key",
        )),
    }
}

fn access_key(
    id: &str,
    secret: &str,
    session_token: Option<Secret>,
) -> Result<ChannelKey, InvalidChannelKey> {
    let access = Access::Aws(AwsKey {
        id: word(id)?,
        secret: word(secret)?,
        session_token,
    });
    Ok(ChannelKey {
        values: Values::new(),
        access,
    })
}

fn google(key: &str) -> Result<ChannelKey, InvalidChannelKey> {
    if let Some((before, json)) = key.find('{').and_then(|at| key.split_at_checked(at)) {
        let region = before.trim().trim_end_matches('|').trim_end();
        let google = GoogleKey::parse(json).map_err(InvalidChannelKey)?;
        let project = google.project().to_owned();
        let key = ChannelKey {
            values: Values::new(),
            access: Access::Google(google),
        };
        return key.with("location", region)?.with("project_id", &project);
    }
    let parts: Vec<&str> = key.split('|').map(str::trim).collect();
    match *parts.as_slice() {
        [key] => Ok(ChannelKey::plain(Secret::new(key))),
        [region, key] => ChannelKey::plain(word(key)?).with("location", region),
        [region, project, key] => ChannelKey::plain(word(key)?)
            .with("location", region)?
            .with("project_id", project),
        _ => Err(InvalidChannelKey(
            "must be region|{JSON of a service account's key}, region|project|API key, or an API \
             key",
        )),
    }
}

/// Something that can stand in a header, or in what is signed.
fn word(text: &str) -> Result<Secret, InvalidChannelKey> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(InvalidChannelKey(
            "has an empty part, or one with a space in it",
        ));
    }
    Ok(Secret::new(text))
}

#[cfg(test)]
mod tests {
    use tollgate_catalog::builtin;

    use super::*;
    use crate::domain::google_key::tests::{REFRESH, service_account};

    fn read(kind: i64, key: &str) -> Result<ChannelKey, InvalidChannelKey> {
        ChannelKey::read(builtin().provider(kind).unwrap(), &Secret::new(key))
    }

    /// The parts of a key that is understood, and what it says of the settings.
    fn seen(kind: i64, key: &str) -> (Vec<String>, String) {
        let key = read(kind, key).unwrap();
        let values = key
            .values
            .iter()
            .map(|(name, value)| format!("{name}={value}"));
        let values = values.collect::<Vec<_>>().join(" ");
        let parts = match key.access {
            Access::Key(key) => vec![key.expose().to_owned()],
            Access::Aws(aws) => [Some(aws.id), Some(aws.secret), aws.session_token]
                .iter()
                .flatten()
                .map(|part| part.expose().to_owned())
                .collect(),
            Access::Google(_) => vec!["google".to_owned()],
        };
        (parts, values)
    }

    #[test]
    fn keys_are_read_in_all_their_forms() {
        for (kind, key, parts, values) in [
            (1, "a|b|c", &["a|b|c"][..], ""),
            (33, "ABSKabc=", &["ABSKabc="], ""),
            (33, "us-west-2|ABSKabc=", &["ABSKabc="], "region=us-west-2"),
            (
                33,
                "us-west-2|AKIA|s/e+c",
                &["AKIA", "s/e+c"],
                "region=us-west-2",
            ),
            (33, "|AKIA|sec", &["AKIA", "sec"], ""),
            (
                1012,
                "eu-1|ASIA|sec|tok==",
                &["ASIA", "sec", "tok=="],
                "region=eu-1",
            ),
            (42, "AIza", &["AIza"], ""),
            (42, "global|AIza", &["AIza"], "location=global"),
            (
                1011,
                "us-east5|p-1|AIza",
                &["AIza"],
                "location=us-east5 project_id=p-1",
            ),
            (42, "", &[""], ""),
        ] {
            let parts: Vec<_> = parts.iter().map(|part| (*part).to_owned()).collect();
            assert_eq!(seen(kind, key), (parts, values.to_owned()), "{kind} {key}");
        }
        let account = format!("europe-west1|{}", service_account());
        let values = "location=europe-west1 project_id=p-1".to_owned();
        assert_eq!(seen(42, &account), (vec!["google".into()], values));
        assert_eq!(seen(42, REFRESH), (vec!["google".into()], String::new()));
    }

    #[test]
    fn what_is_no_key_is_refused_without_a_word_of_it() {
        for (kind, key) in [
            (33, "us-west-2|CANARY|"),
            (33, "us west|CANARY|CANARY"),
            (33, "r.evil.example/|CANARY|CANARY"),
            (33, "a|CANARY|c|d|e"),
            (33, "a|CAN ARY|c"),
            (42, "a/b|CANARY"),
            (42, "a|b|CANARY|c"),
            (
                42,
                "a|{\"type\":\"service_account\",\"private_key\":\"CANARY\"}",
            ),
            (42, "{CANARY"),
        ] {
            let error = read(kind, key).unwrap_err().to_string();
            assert!(!error.contains("CANARY"), "{error}");
        }
    }

    #[test]
    fn configs_go_before_what_the_key_says() {
        let key = read(33, "us-west-2|AKIA|sec").unwrap();
        let configs: Values = [("region".to_owned(), "eu-1".to_owned())].into();
        assert_eq!(key.complete(configs)["region"], "eu-1");
        assert_eq!(key.complete(Values::new())["region"], "us-west-2");
    }

    #[test]
    fn a_pasted_file_is_one_line() {
        assert_eq!(
            on_one_line("r|{\n \"a\": \"x\\ny\",\n \"b\": 1\n}\n").as_deref(),
            Some("r|{\"a\":\"x\\ny\",\"b\":1}")
        );
        assert_eq!(on_one_line("{\"a\":1}\n{\"b\":1}"), None);
        assert_eq!(on_one_line("sk-1\nsk-2"), None);
    }
}
