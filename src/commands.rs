//! One file a verb. Each is a plain function that reads from top to bottom.
