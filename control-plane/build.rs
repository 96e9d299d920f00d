//! Takes the files of Swagger UI that are served out of its archive, which comes as a crate, and lists
//! the migrations. `sqlx::migrate!` would do that too, and to compile that macro takes every database
//! driver once more.

use std::borrow::Cow;
use std::error::Error;
use std::io::{Cursor, Read};
use std::path::{Path, PathBuf};
use std::{env, fs};

use utoipa_swagger_ui_vendored::SWAGGER_UI_VENDORED;

const FILES: [&str; 3] = [
    "swagger-ui.css",
    "swagger-ui-bundle.js",
    "favicon-32x32.png",
];

const DATABASES: [&str; 3] = ["sqlite", "postgres", "mysql"];

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=build.rs");
    let folder = PathBuf::from(env::var("OUT_DIR")?);
    swagger_ui(&folder)?;
    println!("cargo::rerun-if-changed=migrations");
    for database in DATABASES {
        let list = migrations(&Path::new("migrations").join(database))?;
        fs::write(folder.join(format!("migrations-{database}.rs")), list)?;
    }
    Ok(())
}

/// `[(version, description, text), …]` of the files `<version>_<description>.sql`.
fn migrations(folder: &Path) -> Result<String, Box<dyn Error>> {
    let mut list = String::from("[\n");
    for entry in fs::read_dir(folder)? {
        let path = entry?.path().canonicalize()?;
        let name = path.file_stem().and_then(|name| name.to_str());
        let (version, description) = name
            .and_then(|name| name.split_once('_'))
            .ok_or_else(|| format!("{} has no version", path.display()))?;
        let (version, description) = (version.parse::<i64>()?, description.replace('_', " "));
        list += &format!("({version}, {description:?}, include_str!({path:?})),\n");
    }
    Ok(list + "]")
}

fn swagger_ui(folder: &Path) -> Result<(), Box<dyn Error>> {
    let mut archive = zip::ZipArchive::new(Cursor::new(SWAGGER_UI_VENDORED))?;
    let names = archive.file_names().map(|name| name.map(Cow::into_owned));
    let names: Vec<String> = names.collect::<Result<_, _>>()?;
    for file in FILES {
        // Below a folder with the version in its name.
        let wanted = |name: &&String| name.split('/').skip(1).eq(["dist", file]);
        let name = names
            .iter()
            .find(wanted)
            .ok_or("Swagger UI has other files now")?;
        let mut bytes = Vec::new();
        archive.by_name(name)?.read_to_end(&mut bytes)?;
        fs::write(folder.join(file), bytes)?;
    }
    Ok(())
}
