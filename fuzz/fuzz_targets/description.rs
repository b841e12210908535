//! Descriptions of events in any format, as they come from forms, editors and strangers.

#![no_main]

use fanmail::config::content::description_format::DescriptionFormat;
use fanmail::content::description::Description;
use testkit::properties;

libfuzzer_sys::fuzz_target!(|source: &[u8]| {
    let source = String::from_utf8_lossy(source);
    for format in [
        DescriptionFormat::Auto,
        DescriptionFormat::Text,
        DescriptionFormat::Markdown,
        DescriptionFormat::Html,
    ] {
        for html in Description::read(&source, format).html() {
            properties::html::html(&html);
        }
    }
});
