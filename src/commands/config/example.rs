//! The `.env` that explains every variable.

/// `.env.example` as it was when fanmail was built. A line without # in front shows a default.
pub const EXAMPLE: &str = include_str!("../../../.env.example");
