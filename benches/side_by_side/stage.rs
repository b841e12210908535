//! What all measurements share: the options, and how they tell of their progress.

use std::time::Instant;

use crate::options::Options;

/// Where it all happens.
pub struct Stage {
    /// As given.
    pub options: Options,
    begun: Instant,
}

impl Stage {
    /// Ready for the first section.
    pub fn new(options: Options) -> Self {
        Self { options, begun: Instant::now() }
    }

    /// Tells the person who waits.
    pub fn say(&self, text: &str) {
        eprintln!("{:4} s  {text}", self.begun.elapsed().as_secs());
    }
}
