//! Makes of the playground's WebAssembly what a page (and Node) can import:
//! `tollgate-bindgen <playground.wasm> <folder>`.

use std::env;
use std::path::PathBuf;

use anyhow::{Context, Result};
use wasm_bindgen_cli_support::Bindgen;

fn main() -> Result<()> {
    let mut paths = env::args_os().skip(1).map(PathBuf::from);
    let (wasm, folder) = paths
        .next()
        .zip(paths.next())
        .context("two paths are needed")?;
    Bindgen::new()
        .input_path(&wasm)
        .web(true)?
        .typescript(false)
        .omit_default_module_path(false)
        .remove_name_section(true)
        .remove_producers_section(true)
        .out_name("playground")
        .generate(&folder)
        .with_context(|| format!("making a module of {}", wasm.display()))
}
