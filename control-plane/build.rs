//! Takes the files of Swagger UI that are served out of its archive, which comes as a crate.

use std::borrow::Cow;
use std::error::Error;
use std::io::{Cursor, Read};
use std::path::PathBuf;
use std::{env, fs};

use utoipa_swagger_ui_vendored::SWAGGER_UI_VENDORED;

const FILES: [&str; 3] = [
    "swagger-ui.css",
    "swagger-ui-bundle.js",
    "favicon-32x32.png",
];

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=build.rs");
    let folder = PathBuf::from(env::var("OUT_DIR")?);
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
