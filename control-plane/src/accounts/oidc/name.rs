//! What somebody is called here who comes from a provider.

use crate::domain::Identity;
use crate::secrets::random;

/// As user names are, with room for what tells two of them apart.
const LONGEST: usize = 24;
const LONGEST_EMAIL: usize = 254;

/// A user name that fits the rule for them, near to what the provider says; from the second
/// attempt on, with something random behind it, for names are taken.
pub(super) fn username(identity: &Identity, attempt: usize) -> String {
    let email = identity
        .email
        .as_deref()
        .and_then(|it| it.split('@').next());
    let told = identity.username.as_deref();
    // Some providers use the address as the name.
    let told = told.map(|name| name.split('@').next().unwrap_or(name));
    let name = [told, email]
        .into_iter()
        .flatten()
        .map(plain)
        .find(|name| name.len() >= 3)
        .unwrap_or_else(|| "user".to_owned());
    match attempt {
        0 if name != "user" => name,
        _ => format!("{name}-{}", hex::encode(random::<3>())),
    }
}

/// The address if it looks like one, else none.
pub(super) fn email(identity: &Identity) -> String {
    let email = identity.email.as_deref().unwrap_or_default();
    let sound = email
        .split_once('@')
        .is_some_and(|(user, host)| !user.is_empty() && host.contains('.') && !host.contains('@'));
    let plain = |letter: char| !letter.is_whitespace() && !letter.is_control();
    match sound && email.len() <= LONGEST_EMAIL && email.chars().all(plain) {
        true => email.to_owned(),
        false => String::new(),
    }
}

fn plain(text: &str) -> String {
    let fits = |letter: &char| letter.is_ascii_alphanumeric() || "._-".contains(*letter);
    let text = text.to_lowercase();
    let letters = text
        .chars()
        .map(|letter| if letter == ' ' { '-' } else { letter });
    letters
        .filter(fits)
        .skip_while(|letter| !letter.is_ascii_alphanumeric())
        .take(LONGEST)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn person(username: Option<&str>, email: Option<&str>) -> Identity {
        Identity {
            issuer: "i".into(),
            subject: "s".into(),
            username: username.map(str::to_owned),
            email: email.map(str::to_owned),
            role: None,
        }
    }

    #[test]
    fn names_fit_the_rule_for_names() {
        let (long, cut) = ("x".repeat(99), "x".repeat(LONGEST));
        for (told, address, expected) in [
            (Some("Anna Müller"), None, "anna-mller"),
            (Some("bert@corp.example"), None, "bert"),
            (Some("../x"), Some("carla@corp.example"), "carla"),
            (None, Some("d.e@corp.example"), "d.e"),
            (Some(long.as_str()), None, cut.as_str()),
        ] {
            assert_eq!(username(&person(told, address), 0), expected);
        }
        let again = username(&person(Some("anna"), None), 1);
        assert!(again.starts_with("anna-") && again.len() == 11, "{again}");
        assert!(username(&person(None, None), 0).starts_with("user-"));
    }

    #[test]
    fn what_is_no_address_is_left_out() {
        for (told, expected) in [
            (Some("a@b.example"), "a@b.example"),
            (Some("a@b"), ""),
            (Some("a b@c.example"), ""),
            (None, ""),
        ] {
            assert_eq!(email(&person(None, told)), expected);
        }
    }
}
