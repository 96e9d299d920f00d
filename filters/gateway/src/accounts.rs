//! Accounts of budgets in shared data, which all workers and the meter change.

use tollgate_config::leases::account_key;
use tollgate_host::{Host, Level};
use tollgate_policy::lease::Account;

/// Who is this often too late meets something else than other workers: each time, one was faster.
const TRIES_MAX: u32 = 1_000;

/// Has `change` made in the account as it is. It may be made several times, because it counts only if
/// nobody else was faster; where `change` says that there is nothing to write, nothing is. False when
/// it could not be written.
pub(crate) fn change(
    host: &dyn Host,
    budget: &str,
    change: &mut dyn FnMut(&mut Account) -> bool,
) -> bool {
    let key = account_key(budget);
    for _ in 0..TRIES_MAX {
        let (bytes, version) = host.shared_version(&key);
        let mut account = Account::read(&bytes.unwrap_or_default());
        if !change(&mut account) {
            return true;
        }
        match host.replace_shared(&key, &account.write(), version) {
            Ok(true) => return true,
            Ok(false) => {}
            Err(_) => break,
        }
    }
    host.log(Level::Error, "the account of a budget cannot be written");
    false
}
