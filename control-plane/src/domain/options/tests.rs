use super::*;

#[test]
fn names_and_variables_are_unique_and_defaults_keep_their_rules() {
    for (at, option) in ALL.iter().enumerate() {
        let kept = option.rule.read(option.name, option.default);
        assert_eq!(kept.as_deref(), Ok(option.default));
        for other in ALL.iter().skip(at + 1) {
            assert!(option.name != other.name && option.env != other.env);
        }
    }
}

#[test]
fn rules() {
    let whole = Rule::Whole { min: 0, max: 5 };
    let cases: &[(Rule, &str, Option<&str>)] = &[
        (Rule::Flag, "true", Some("true")),
        (Rule::Flag, " 1 ", Some("true")),
        (Rule::Flag, "0", Some("false")),
        (Rule::Flag, "yes", None),
        (whole, "5", Some("5")),
        (whole, "05", Some("5")),
        (whole, "6", None),
        (whole, "-1", None),
        (whole, "1.0", None),
        (whole, "", None),
        (Rule::Amount, "0", Some("0")),
        (Rule::Amount, "2.50", Some("2.5")),
        (Rule::Amount, "1e-9", Some("0.000000001")),
        (Rule::Amount, "1e-10", None),
        (Rule::Amount, "1000000001", None),
        (Rule::Amount, "-1", None),
        (Rule::Amount, "five", None),
        (Rule::Groups, r#"["g"]"#, Some(r#"["g"]"#)),
        (Rule::Groups, r#"["g", 1]"#, None),
        (Rule::Groups, "g", None),
        (Rule::Share, "0.50", Some("0.5")),
        (Rule::Share, "1", Some("1")),
        (Rule::Share, "1.01", None),
        (Rule::Share, "-0.1", None),
        (Rule::Share, "NaN", None),
        (Rule::Line { max: 3 }, " é ", Some("é")),
        (Rule::Line { max: 3 }, "", Some("")),
        (Rule::Line { max: 3 }, "éé", None),
        (Rule::Line { max: 3 }, "a\nb", None),
        (Rule::Ratios, "{}", Some("{}")),
        (Rule::Ratios, r#"{"10":0.5}"#, Some(r#"{"10":0.5}"#)),
        (Rule::Ratios, r#"{"10":-1}"#, None),
        (Rule::Ratios, r#"{"ten":1}"#, None),
        (Rule::Ratios, "[]", None),
        (Rule::ModelsByType, r#"{"1":["a"]}"#, Some(r#"{"1":["a"]}"#)),
        (Rule::ModelsByType, r#"{"one":["a"]}"#, None),
        (Rule::ModelsByType, r#"{"1":[""]}"#, None),
        (
            Rule::MappingsByType,
            r#"{"1":{"a":"b"}}"#,
            Some(r#"{"1":{"a":"b"}}"#),
        ),
        (Rule::MappingsByType, r#"{"1":["a"]}"#, None),
        (Rule::Zone, "europe/paris", Some("Europe/Paris")),
        (Rule::Zone, "UTC", Some("UTC")),
        (Rule::Zone, "Mars/Olympus", None),
        (Rule::Zone, "", None),
    ];
    for (rule, value, kept) in cases {
        let read = rule.read("Name", value);
        assert_eq!(read.as_deref().ok(), *kept, "{rule:?} {value}");
        if let Err(error) = read {
            assert_eq!(error.to_string(), format!("Name {}", rule.text()));
        }
    }
}

#[test]
fn ratios_rise_with_the_amount() {
    let ratios = rule::ratios(r#"{"1000": 3, "2.5": 1.5, "30": 2}"#).unwrap();
    let from: Vec<_> = ratios.iter().map(|ratio| ratio.from.0).collect();
    assert_eq!(from, [2_500_000_000, 30_000_000_000, 1_000_000_000_000]);
}

#[test]
fn the_environment_comes_before_the_database_and_that_before_the_default() {
    let environment = from_environment(|name| (name == "RETRY_TIMES").then(|| "3".into())).unwrap();
    let stored = [
        ("RetryTimes", "7"),
        ("GroupMaxTokenNum", "9"),
        ("DisableServe", "broken"),
    ];
    let stored = stored
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    let options = Options::new(&environment, &stored);
    assert_eq!(options.text(RETRY_TIMES), ("3", Source::Environment));
    assert_eq!(options.whole(GROUP_MAX_TOKEN_NUM), 9);
    assert_eq!(options.text(DISABLE_SERVE), ("false", Source::Default));
    assert!(!options.flag(DISABLE_SERVE));
}

#[test]
fn a_wrong_variable_is_named() {
    let error = from_environment(|name| (name == "TZ").then(|| "Nowhere".into())).unwrap_err();
    assert!(error.to_string().starts_with("TZ must be"), "{error}");
}
