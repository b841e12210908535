//! Message bodies as strangers might write them.

#![no_main]

#[path = "../properties.rs"]
mod properties;

libfuzzer_sys::fuzz_target!(|body: &[u8]| properties::decoding(body));
