//! A set of keys that takes little memory for keys that are close together, as those of a table are.

use std::collections::HashMap;

/// Keys in one word.
const BITS: i64 = 64;

/// A set of keys: a bit for each, in words of 64. A million keys in a row take half a megabyte, a million that are far from
/// each other 40.
#[derive(Debug, Default)]
pub struct KeySet {
    words: HashMap<i64, u64>,
}

impl KeySet {
    /// Adds a key. Returns whether it is new.
    pub fn insert(&mut self, key: i64) -> bool {
        let word = self.words.entry(key.div_euclid(BITS)).or_default();
        let is_new = *word & bit(key) == 0;
        *word |= bit(key);
        is_new
    }

    /// Adds the keys of another set.
    pub fn extend(&mut self, other: Self) {
        for (word, bits) in other.words {
            *self.words.entry(word).or_default() |= bits;
        }
    }

    /// Whether the set has the key.
    pub fn contains(&self, key: i64) -> bool {
        self.words.get(&key.div_euclid(BITS)).is_some_and(|word| word & bit(key) != 0)
    }
}

fn bit(key: i64) -> u64 {
    1 << key.rem_euclid(BITS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_is_there_once() {
        let keys = [0, -1, 1, 63, 64, -64, -65, i64::MIN, i64::MAX, i64::MIN + 1];
        let mut set = KeySet::default();
        for key in keys {
            assert!(!set.contains(key) && set.insert(key) && set.contains(key), "{key}");
        }
        assert!(keys.iter().all(|key| !set.insert(*key)));
        assert!(!set.contains(2) && !set.contains(-2));
    }

    #[test]
    fn keys_in_a_row_take_little() {
        let mut set = KeySet::default();
        (0..64_000).for_each(|key| assert!(set.insert(key)));
        assert!(set.words.len() <= 1000);
    }
}
