//! The engine over [`tollgate_fuzz::answer`].
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| tollgate_fuzz::run(tollgate_fuzz::answer, bytes));
