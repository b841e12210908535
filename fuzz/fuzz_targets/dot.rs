//! Mail bodies on their way through dot-stuffing.

#![no_main]

#[path = "../properties.rs"]
mod properties;

libfuzzer_sys::fuzz_target!(|content: &[u8]| properties::dot_stuffing(&String::from_utf8_lossy(content)));
