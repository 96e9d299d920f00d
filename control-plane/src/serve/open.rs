//! What a control plane is opened with: its folder, keys and databases, Redis, and the filter.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::cli::ControlArgs;
use crate::domain::options;
use crate::secrets::{self, Secret};
use crate::store::{FirstKeys, Store};
use crate::windows::Windows;

/// The database with something in it, and the administrator's key.
pub(crate) async fn open_store(args: &ControlArgs) -> Result<(Store, Secret)> {
    make_data_folder(&args.data)?;
    let given = args.secret_key.as_ref().map(Secret::expose);
    let keys = secrets::secret_key(given, &args.data)?;
    let admin_key = secrets::admin_key(args.admin_key.as_ref().map(Secret::expose), &args.data)?;
    let environment = options::from_environment(|name| std::env::var(name).ok())?;
    let logs = args.log_sql_dsn.as_ref().map(Secret::expose);
    let logs = logs.filter(|dsn| !dsn.is_empty());
    let dsn = dsn(args.sql_dsn.as_ref(), &args.data)?;
    let store = Store::connect_with_logs(&dsn, logs, keys).await?;
    store.fix_options(environment);
    let from_env = |name| {
        std::env::var(name)
            .ok()
            .filter(|key| !key.is_empty())
            .map(Secret::new)
    };
    let first_keys = FirstKeys {
        openai: from_env("OPENAI_API_KEY"),
        anthropic: from_env("ANTHROPIC_API_KEY"),
        gemini: from_env("GEMINI_API_KEY"),
    };
    let path = demo_token_file(&args.data);
    let keep = move |token: &Secret| {
        // Left by a first start that was cut short, or by another database.
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        secrets::write_private(&path, token.expose())
    };
    store.seed(first_keys, keep).await?;
    Ok((store, admin_key))
}

/// Where the database is.
pub(crate) fn dsn(told: Option<&Secret>, data: &Path) -> Result<String> {
    if let Some(dsn) = told.filter(|dsn| !dsn.is_empty()) {
        return Ok(dsn.expose().to_owned());
    }
    let file = data.join("tollgate.db");
    let file = file
        .to_str()
        .context("the data folder's name is not UTF-8")?;
    Ok(file.to_owned())
}

/// Where rates are counted for all gateways together, if anywhere.
pub(crate) fn redis(args: &ControlArgs) -> Result<Option<Windows>> {
    let of_ai_proxy = ["REDIS", "REDIS_CONN_STRING"].map(std::env::var);
    let of_ai_proxy = of_ai_proxy.into_iter().flatten().map(Secret::new);
    let mut urls = args.redis_url.clone().into_iter().chain(of_ai_proxy);
    let url = urls.find(|url| !url.is_empty());
    let Some(url) = url else { return Ok(None) };
    let authorities = args.redis_ca_file.as_deref().map(|file| {
        std::fs::read(file).with_context(|| format!("REDIS_CA_FILE={}", file.display()))
    });
    let windows = Windows::new(&url, &args.redis_key_prefix, authorities.transpose()?);
    windows.map(Some)
}

/// Where the token of the first start is kept.
pub(crate) fn demo_token_file(data: &Path) -> PathBuf {
    data.join("demo.token")
}

pub(super) fn make_data_folder(data: &Path) -> Result<()> {
    use std::os::unix::fs::DirBuilderExt;

    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true).mode(0o700);
    builder
        .create(data)
        .with_context(|| format!("data folder {}", data.display()))
}

/// The filter: as told, else beside this program, else where `make wasm` puts it.
pub(crate) fn wasm_file(told: Option<&Path>) -> Result<PathBuf> {
    const NAME: &str = "tollgate_gateway.wasm";
    let candidates = match told {
        Some(path) => vec![path.to_owned()],
        None => {
            let program = std::env::current_exe().context("where this program is")?;
            let folder = program.parent().unwrap_or(Path::new("."));
            let built = Path::new("filter").join(NAME);
            vec![folder.join(NAME), folder.join("..").join(built)]
        }
    };
    for path in &candidates {
        if let Ok(path) = path.canonicalize() {
            return Ok(path);
        }
    }
    let tried: Vec<_> = candidates
        .iter()
        .map(|path| path.display().to_string())
        .collect();
    bail!(
        "the filter is not at {}; build it with `make wasm` or name it in TOLLGATE_WASM",
        tried.join(" or ")
    )
}
