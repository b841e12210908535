//! Mail bodies on their way through dot-stuffing.

#![no_main]

use fanmail::channels::email::compose::wire_format::{DotStuffed, unstuff};
use testkit::properties;

libfuzzer_sys::fuzz_target!(|content: &[u8]| {
    properties::dot_stuffing(stuffed, unstuff, &String::from_utf8_lossy(content));
});

fn stuffed(content: &str) -> (String, usize) {
    let mut mail = DotStuffed::default();
    mail.lines(content);
    mail.finish()
}
