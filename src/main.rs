//! Reads `.env`, parses the command line, dispatches, turns a result into an exit code.

fn main() {}
