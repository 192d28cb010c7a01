#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| atoll_guest_fuzz::fuzzing::json(data));
