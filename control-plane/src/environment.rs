//! Variables of AI Proxy that mean nothing here. Who moves over from it is told what to do instead,
//! rather than find out from an empty database.

/// Each with what does its work here.
const WITHOUT_EFFECT: [(&str, &str); 13] = [
    (
        "SQLITE_PATH",
        "the database is tollgate.db in TOLLGATE_DATA, and not AI Proxy's own",
    ),
    ("SQLITE_BUSY_TIMEOUT", "writes wait in line by themselves"),
    ("SQL_MAX_OPEN_CONNS", "connections are few and fixed"),
    ("SQL_MAX_IDLE_CONNS", "connections are few and fixed"),
    ("SQL_MAX_LIFETIME", "connections are few and fixed"),
    (
        "INTERNAL_TOKEN",
        "make a token in a group of its own; ADMIN_KEY is for /api alone, and model calls with it are 401",
    ),
    ("CONFIG_FILE_PATH", "tollgate apply -f FILE"),
    ("DISABLE_AUTO_MIGRATE_DB", "migrations are safe to run"),
    (
        "DISABLE_MODEL_CONFIG",
        "models without a config are served, and cost nothing",
    ),
    (
        "RETRY_LOG_STORAGE_HOURS",
        "LOG_STORAGE_HOURS: retries are part of a log row",
    ),
    (
        "FUZZY_TOKEN_THRESHOLD",
        "the tokenizer counts texts of every length",
    ),
    (
        "SEALOS_JWT_KEY",
        "a balance service (/api/balance_services)",
    ),
    (
        "ON_CALL_LARK_APP_ID",
        "NOTIFY_FEISHU_WEBHOOK or NOTIFY_WEBHOOK",
    ),
];

/// What is set in vain: the variable, and what does its work.
pub(crate) fn in_vain() -> impl Iterator<Item = (&'static str, &'static str)> {
    of(|name| std::env::var_os(name).is_some_and(|value| !value.is_empty()))
}

fn of(is_set: impl Fn(&str) -> bool) -> impl Iterator<Item = (&'static str, &'static str)> {
    let known = WITHOUT_EFFECT.into_iter();
    known.filter(move |(name, _)| is_set(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_set_is_named() {
        let told: Vec<_> = of(|name| name == "SQLITE_PATH").collect();
        assert_eq!(told.len(), 1);
        assert!(told[0].1.contains("TOLLGATE_DATA"));
        assert_eq!(of(|_| false).count(), 0);
    }
}
