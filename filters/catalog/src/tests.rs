use super::*;

const NO_MODELS: &str = "model = []";

#[test]
fn what_is_compiled_in_is_sound() {
    let catalog =
        Catalog::parse(include_str!("providers.toml"), include_str!("models.toml")).unwrap();
    assert_eq!(builtin(), &catalog);

    // AI Proxy's channel types, but for those that serve no kind of request that there is yet.
    let types = [
        1, 3, 4, 12, 13, 14, 16, 17, 18, 19, 20, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32, 33, 35,
        36, 37, 40, 41, 43, 45, 49, 50, 51, 52, 53, 54, 55,
    ];
    for id in types {
        assert!(catalog.provider(id).is_some(), "provider {id}");
    }
    // First starts make channels for these.
    for id in [1, 12, 14, 53] {
        assert!(catalog.models_of(id).count() > 0, "models of {id}");
    }
    let anthropic = catalog.provider(14).unwrap();
    assert_eq!(
        anthropic.auth,
        Auth {
            header: "x-api-key".into(),
            prefix: String::new()
        }
    );
    assert_eq!(
        anthropic.headers.get("anthropic-version").unwrap(),
        "2023-06-01"
    );
    assert_eq!(catalog.provider(1).unwrap().auth.prefix, "Bearer ");
}

#[test]
fn templates_are_filled_with_plain_text() {
    let azure = builtin().provider(3).unwrap();
    let values = |pairs: &[(&str, &str)]| -> Values {
        let pair = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        pairs.iter().map(pair).collect()
    };
    let base_url = |value| {
        azure
            .base_url(&values(&[("resource_name", value)]))
            .unwrap()
    };
    assert_eq!(
        base_url("my-res").unwrap(),
        "https://my-res.openai.azure.com/openai"
    );
    for unfit in [
        "",
        "evil.example/",
        "a?b",
        "a#",
        "a@b",
        "a b",
        "-a",
        "a.",
        "{x}",
    ] {
        assert_eq!(
            base_url(unfit),
            Err(Unfilled::Unfit("resource_name")),
            "{unfit}"
        );
    }
    let nothing = values(&[]);
    let missing = azure.base_url(&nothing).unwrap();
    assert_eq!(missing, Err(Unfilled::Missing("resource_name")));
    assert_eq!(
        azure.query(&nothing).unwrap(),
        "api-version=2025-04-01-preview"
    );
    let own = values(&[("api_version", "2024-10-21")]);
    assert_eq!(azure.query(&own).unwrap(), "api-version=2024-10-21");

    // A header that nobody fills is not sent.
    let qianfan = builtin().provider(49).unwrap();
    assert!(qianfan.headers(&nothing).unwrap().is_empty());
    let headers = qianfan.headers(&values(&[("appid", "app-1")])).unwrap();
    assert_eq!(headers["appid"], "app-1");
    let unfit = values(&[("appid", "a\r\nx: y")]);
    assert_eq!(qianfan.headers(&unfit), Err(Unfilled::Unfit("appid")));
}

#[test]
fn a_broken_provider_is_refused_by_name() {
    let good = "id = 9\nname = 'x'\nbase_url = 'https://x.example/v1'\ndialect = 'openai-chat'\nkey_help = 'k'\nmodes = ['chat']\ndocs = 'https://x.example'\n";
    let check = |from: &str, to: &str, expected: &str| {
        let text = format!("[[provider]]\n{}", good.replace(from, to));
        let error = Catalog::parse(&text, NO_MODELS).unwrap_err().to_string();
        assert!(error.contains(expected), "{to}: {error}");
    };
    Catalog::parse(&format!("[[provider]]\n{good}"), NO_MODELS).unwrap();

    check("id = 9", "id = 0", "provider 0: id must be positive");
    check("name = 'x'", "name = ''", "name, key_help");
    check(
        "https://x.example/v1",
        "http://x.example/v1",
        "must be https",
    );
    check(
        "https://x.example/v1",
        "https://x.example/v1/",
        "must not end",
    );
    check("docs = 'https://x.example'", "", "docs must say");
    check("['chat']", "[]", "modes must not be empty");
    check("['chat']", "['chatter']", "unknown variant");
    check(
        "key_help = 'k'",
        "key_help = 'k'\nquirks = ['odd']",
        "unknown quirk",
    );
    check(
        "key_help = 'k'",
        "key_help = 'k'\nalso = [{ dialect = 'esperanto', base_path = '/x' }]",
        "unknown dialect",
    );
    check(
        "key_help = 'k'",
        "key_help = 'k'\nalso = [{ dialect = 'anthropic', base_path = 'x' }]",
        "base_path of a further",
    );
    check(
        "key_help = 'k'",
        "key_help = 'k'\nalso = [{ dialect = 'openai-chat', base_path = '/x' }]",
        "not the first",
    );
    check(
        "key_help = 'k'",
        "key_help = 'k'\nendpoint = 'x'",
        "endpoint begins",
    );
    check("https://x.example/v1", "https://{y}/v1", "has no setting");
    check(
        "key_help = 'k'",
        "key_help = 'k'\nconfig = [{ name = 'y', help = 'h' }]",
        "has a place",
    );
    check("openai-chat", "esperanto", "unknown dialect");
    check(
        "key_help = 'k'",
        "key_help = 'k'\nheaders = { X-Upper = '1' }",
        "header names",
    );
    check(
        "key_help = 'k'",
        "key_help = 'k'\nembeddings = 'esperanto'",
        "unknown shape of embeddings",
    );
    check(
        "key_help = 'k'",
        "key_help = 'k'\ncloud = 'google'",
        "its cloud's keys tell",
    );
    check(
        "key_help = 'k'",
        "key_help = 'k'\ncolour = 'red'",
        "unknown field",
    );
    check(
        "docs = 'https://x.example'\n",
        &format!("docs = 'https://x.example'\n[[provider]]\n{good}"),
        "stands twice",
    );
}

#[test]
fn a_broken_model_is_refused_by_name() {
    let good = "provider = 1\nid = 'm'\nowner = 'o'\nmax_output_tokens = 1\n\
        price = { input = '1', output = '2.5' }\n";
    let check = |from: &str, to: &str, expected: &str| {
        let text = format!("[[model]]\n{}", good.replace(from, to));
        let error = Catalog::parse(include_str!("providers.toml"), &text)
            .unwrap_err()
            .to_string();
        assert!(error.contains(expected), "{to}: {error}");
    };
    check("provider = 1", "provider = 99999", "unknown provider");
    check(
        "id = 'm'",
        "id = 'm'\nthinking = 'deep'",
        "kind of thinking",
    );
    check("id = 'm'", "id = 'm'\nefforts = ['odd']", "unknown effort");
    check("'2.5'", "'2,5'", "decimal USD");
    check("'2.5'", "'-1'", "decimal USD");
    check("= 1\nprice", "= 0\nprice", "must not be empty");
    let when = "'2.5' }\n[[model.when]]\nservice_tier = 'flex'\nprice = { input = 'x' }\n";
    check("'2.5' }\n", when, "decimal USD");
    check("'2.5' }\n", "'2.5' }\ncost = '1'\n", "unknown field");
    check(
        "'2.5' }\n",
        &format!("'2.5' }}\n[[model]]\n{good}"),
        "stands twice",
    );
}
