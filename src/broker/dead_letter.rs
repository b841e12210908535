//! Keeping what nobody can process: `<queue>.dead`, with its reason.
