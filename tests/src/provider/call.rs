//! A call that came in.

use serde_json::Value;

use super::asked;
use crate::dialect::string;

/// One request as it came in.
#[derive(Debug, Clone)]
pub struct Call {
    pub method: String,
    pub path: String,
    /// In order, names as sent.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Call {
    /// # Panics
    /// When the body is not JSON.
    #[must_use]
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("the gateway sends JSON")
    }

    /// The model that was asked for, by the path or by the body; "" when neither says.
    #[must_use]
    pub fn model(&self) -> String {
        let body: Value = serde_json::from_slice(&self.body).unwrap_or(Value::Null);
        asked::model_in(&self.path).unwrap_or_else(|| string(&body["model"]))
    }

    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(n, _)| n.eq_ignore_ascii_case(name))
            .map(|(_, v)| v.as_str())
    }

    /// Everything that came in, for looking for what must not be there.
    #[must_use]
    pub fn everything(&self) -> String {
        let headers: String = self
            .headers
            .iter()
            .map(|(n, v)| format!("{n}: {v}\n"))
            .collect();
        let body = String::from_utf8_lossy(&self.body);
        format!("{} {}\n{headers}\n{body}", self.method, self.path)
    }
}
