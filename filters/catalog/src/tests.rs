use super::*;

const NO_MODELS: &str = "model = []";

#[test]
fn what_is_compiled_in_is_sound() {
    let catalog =
        Catalog::parse(include_str!("providers.toml"), include_str!("models.toml")).unwrap();
    assert_eq!(builtin(), &catalog);

    for id in [1, 12, 14, 20, 25, 28, 29, 36, 43, 45, 53, 55] {
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
fn a_broken_provider_is_refused_by_name() {
    let good = "id = 9\nname = 'x'\nbase_url = 'https://x.example/v1'\ndialect = 'openai-chat'\nkey_help = 'k'\n";
    let check = |from: &str, to: &str, expected: &str| {
        let text = format!("[[provider]]\n{}", good.replace(from, to));
        let error = Catalog::parse(&text, NO_MODELS).unwrap_err().to_string();
        assert!(error.contains(expected), "{to}: {error}");
    };
    Catalog::parse(&format!("[[provider]]\n{good}"), NO_MODELS).unwrap();

    check("id = 9", "id = 0", "provider 0: id must be positive");
    check("name = 'x'", "name = ''", "name and key_help");
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
    check(
        "base_url = 'https://x.example/v1'",
        "",
        "base_url is missing",
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
        "key_help = 'k'\ncolour = 'red'",
        "unknown field",
    );
    check(
        "key_help = 'k'\n",
        &format!("key_help = 'k'\n[[provider]]\n{good}"),
        "stands twice",
    );
}

#[test]
fn a_broken_model_is_refused_by_name() {
    let providers = include_str!("providers.toml");
    let good =
        "provider = 1\nid = 'm'\nowner = 'o'\nmax_output_tokens = 1\ninput = '1'\noutput = '2.5'\n";
    let check = |from: &str, to: &str, expected: &str| {
        let text = format!("[[model]]\n{}", good.replace(from, to));
        let error = Catalog::parse(providers, &text).unwrap_err().to_string();
        assert!(error.contains(expected), "{to}: {error}");
    };
    check("provider = 1", "provider = 99999", "unknown provider");
    check("'2.5'", "'2,5'", "decimal USD");
    check("'2.5'", "'-1'", "decimal USD");
    check("= 1\ninput", "= 0\ninput", "must not be empty");
    check(
        "output = '2.5'\n",
        &format!("output = '2.5'\n[[model]]\n{good}"),
        "stands twice",
    );
}
