//! Message bodies as strangers might write them.

#![no_main]

use fanmail::domain::event_key_type::EventKeyType;
use fanmail::domain::kind::Kind;
use fanmail::domain::message::Message;
use fanmail::domain::message::malformed::MAX_BODY;
use testkit::properties::{self, Decoder};

libfuzzer_sys::fuzz_target!(|body: &[u8]| properties::decoding(
    &Decoder {
        max_body: MAX_BODY,
        decode: &|body| Message::decode(body, EventKeyType::Text).map(|decoded| decoded.message),
        encode: &|message: &Message| message.encode().unwrap(),
        fits_ledger: &|message: &Message| Kind::from_word(message.kind.as_str()) == Some(message.kind),
    },
    body
));
