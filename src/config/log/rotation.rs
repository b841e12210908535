//! The form of `LOG_ROTATE`: `daily`, or a size such as `50MB`. Rotating is left to `observe::logging`.

use std::ops::RangeInclusive;

use crate::config::reader::Reader;

/// Without `LOG_KEEP`: two weeks of a file a day.
const DEFAULT_KEEP: usize = 14;
/// Of `LOG_KEEP`.
const KEEP: RangeInclusive<usize> = 1..=10_000;
/// Of a size, in bytes.
const SIZE: RangeInclusive<u64> = 1_000..=1_000_000_000_000;

/// When `LOG_FILE` is rotated, and what is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogRotation {
    /// When (`LOG_ROTATE`).
    pub when: RotateWhen,
    /// How many rotated files are kept, beside `LOG_FILE` itself (`LOG_KEEP`).
    pub keep: usize,
}

/// What makes a new file necessary.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RotateWhen {
    /// A line of another day than the last one, in UTC like the times of the lines.
    Daily,
    /// A line that would make the file larger than so many bytes.
    Size(u64),
}

impl LogRotation {
    /// `None`: the file is never rotated.
    pub(super) fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let expected = "off, daily, or a size with its unit from 1KB to 1000GB, such as 50MB";
        let is_off = reader.text("LOG_ROTATE").is_some_and(|value| value.eq_ignore_ascii_case("off"));
        let when = if is_off { None } else { reader.parsed("LOG_ROTATE", expected, parse) };
        let keep = reader.integer("LOG_KEEP", &KEEP).unwrap_or(DEFAULT_KEEP);
        when.map(|when| Self { when, keep })
    }
}

fn parse(text: &str) -> Option<RotateWhen> {
    match text.to_ascii_lowercase().as_str() {
        "daily" => Some(RotateWhen::Daily),
        size => parse_size(size).map(RotateWhen::Size),
    }
}

fn parse_size(text: &str) -> Option<u64> {
    let (number, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit())?);
    let bytes: u64 = match unit.trim() {
        "kb" | "k" => 1_000,
        "mb" | "m" => 1_000_000,
        "gb" | "g" => 1_000_000_000,
        "kib" => 1 << 10,
        "mib" => 1 << 20,
        "gib" => 1 << 30,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(bytes).filter(|bytes| SIZE.contains(bytes))
}
