//! Mails to the bounce address and bodies of webhooks, as strangers might write them: reading them neither panics nor makes more of them than
//! they are.

#![no_main]

use fanmail::bounces::describe_anything;

// A character may be shown by an escape of ten, and a mail has a few readings.
libfuzzer_sys::fuzz_target!(|raw: &[u8]| assert!(describe_anything(raw).len() <= 100 * raw.len() + 10_000));
