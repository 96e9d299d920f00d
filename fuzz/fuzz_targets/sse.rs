//! The engine over [`tollgate_fuzz::sse`].
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| tollgate_fuzz::run(tollgate_fuzz::sse, bytes));
