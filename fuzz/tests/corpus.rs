//! The kept corpus through every target, as it is and damaged: seconds, not hours, and the same
//! damage in every run. `SEED=… cargo test -p tollgate-fuzz` does another, `FUZZ_ROUNDS=…` more.

use std::env;
use std::fs;
use std::panic::catch_unwind;
use std::path::Path;

use tollgate_fuzz::damage::{damage, words};
use tollgate_fuzz::dice::Dice;
use tollgate_fuzz::{TARGETS, Target, run};

/// Healthy inputs, and nasty ones.
const FOLDERS: [&str; 2] = ["corpus", "../web/playground/examples"];

fn corpus() -> Vec<Vec<u8>> {
    let folders = FOLDERS.map(|folder| Path::new(env!("CARGO_MANIFEST_DIR")).join(folder));
    let files = folders
        .iter()
        .flat_map(|folder| fs::read_dir(folder).unwrap());
    let mut paths: Vec<_> = files.map(|file| file.unwrap().path()).collect();
    paths.sort(); // so that a seed means the same everywhere
    paths.iter().map(|path| fs::read(path).unwrap()).collect()
}

fn number(variable: &str) -> Option<u64> {
    Some(env::var(variable).ok()?.parse().expect("a number"))
}

/// Runs the target; what makes it panic is printed, to become a part of the corpus.
fn check(name: &str, target: Target, bytes: &[u8]) {
    if catch_unwind(|| run(target, bytes)).is_err() {
        panic!("{name} fails on {:?}", String::from_utf8_lossy(bytes));
    }
}

// One test, because the memory that a target holds is the process's.
#[test]
fn every_target_stands_the_corpus_and_its_damage() {
    let corpus = corpus();
    let words = words(include_str!("../words.dict"));
    assert!(!corpus.is_empty() && !words.is_empty());
    let seed = number("SEED").unwrap_or(0x7011_6A7E);
    let rounds = number("FUZZ_ROUNDS").unwrap_or(1_000);
    println!("SEED={seed} FUZZ_ROUNDS={rounds}");

    for (name, target) in TARGETS {
        for bytes in &corpus {
            check(name, *target, bytes);
        }
        let mut dice = Dice::new(seed);
        for _ in 0..rounds {
            let mut bytes = corpus[dice.roll(corpus.len())].clone();
            let other = &corpus[dice.roll(corpus.len())];
            damage(&mut bytes, &words, other, &mut dice);
            check(name, *target, &bytes);
        }
    }
}
