//! Makes of the playground's WebAssembly what a page (and Node) can import, and runs its tests:
//!
//! ```text
//! tollgate-bindgen <playground.wasm> <folder>
//! tollgate-bindgen test <tests.wasm>      ; what Cargo calls as its runner
//! ```

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use wasm_bindgen_cli_support::Bindgen;

/// Hands the tests to `wasm-bindgen-test`, which was compiled into their module.
const RUN: &str = include_str!("run.cjs");

fn main() -> Result<()> {
    let mut arguments = env::args_os().skip(1).map(PathBuf::from);
    let (first, second) = arguments
        .next()
        .zip(arguments.next())
        .context("two arguments are needed")?;
    match first.to_str() {
        Some("test") => test(&second, arguments.next().as_deref()),
        _ => page(&first, &second),
    }
}

fn page(wasm: &Path, folder: &Path) -> Result<()> {
    Bindgen::new()
        .input_path(wasm)
        .web(true)?
        .typescript(false)
        .omit_default_module_path(false)
        .remove_name_section(true)
        .remove_producers_section(true)
        .out_name("playground")
        .generate(folder)
        .with_context(|| format!("making a module of {}", wasm.display()))
}

/// Runs the tests whose names contain `filter`, or all.
fn test(wasm: &Path, filter: Option<&Path>) -> Result<()> {
    let folder = wasm.with_extension("node");
    Bindgen::new()
        .input_path(wasm)
        .nodejs(true)?
        .typescript(false)
        .export_wasm(true)
        .emit_start(false)
        .out_name("tests")
        .generate(&folder)
        .with_context(|| format!("making a module of {}", wasm.display()))?;
    let run = folder.join("run.cjs");
    fs::write(&run, RUN).with_context(|| format!("writing {}", run.display()))?;
    let status = Command::new("node")
        .arg(&run)
        .args(filter)
        .status()
        .context("Node.js does not run; `make node` installs it")?;
    ensure!(status.success(), "tests failed: {status}");
    Ok(())
}
