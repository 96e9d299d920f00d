//! The engine over [`tollgate_fuzz::stream`].
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| tollgate_fuzz::run(tollgate_fuzz::stream, bytes));
