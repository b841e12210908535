//! Patterns of routing keys, as topic exchanges have them: words between dots, of which `*` stands for one word and `#` for any number
//! of words, also none (RabbitMQ, "Topic exchange"). An empty key has no word.

use std::collections::{BTreeSet, HashSet};
use std::fmt;

use crate::config::broker::bindings::{Binding, ExchangeType, check_key};

/// A pattern of routing keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern {
    words: Vec<Word>,
}

/// A word of a pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Word {
    /// This one.
    Literal(String),
    /// `*`
    One,
    /// `#`
    Any,
}

/// Positions in a pattern that the words so far may have led to.
type Positions = BTreeSet<usize>;

impl Pattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// In one sentence, why no topic exchange would take it so.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.is_empty() {
            return Err(
                "it is empty; expected words with dots between them, such as student.created".to_owned()
            );
        }
        check_key(text)?;
        Ok(Self::of_words(text))
    }

    /// The same for a text that was checked, such as a key of `AMQP_BINDINGS`.
    #[must_use]
    pub fn of_words(text: &str) -> Self {
        let word = |word: &str| match word {
            "*" => Word::One,
            "#" => Word::Any,
            literal => Word::Literal(literal.to_owned()),
        };
        Self { words: words(text).map(word).collect() }
    }

    /// The routing keys of what the exchange gives the queue, as far as the configuration tells.
    #[must_use]
    pub fn of_binding(binding: &Binding) -> Self {
        match binding.exchange_type {
            Some(ExchangeType::Fanout) => Self { words: vec![Word::Any] },
            Some(ExchangeType::Direct) => Self::exactly(&binding.key),
            Some(ExchangeType::Topic) | None => Self::of_words(&binding.key),
        }
    }

    /// The pattern that matches this key and no other.
    #[must_use]
    pub fn exactly(key: &str) -> Self {
        Self { words: words(key).map(|word| Word::Literal(word.to_owned())).collect() }
    }

    /// Whether it matches this key.
    #[must_use]
    pub fn matches(&self, key: &str) -> bool {
        let mut positions = self.start();
        for word in words(key) {
            positions = self.step(&positions, Some(word));
        }
        self.is_end(&positions)
    }

    /// Whether there is a key that both match.
    #[must_use]
    pub fn overlaps(&self, other: &Self) -> bool {
        let (mut open, mut seen) = (vec![(0, 0)], HashSet::new());
        while let Some((own, of_other)) = open.pop() {
            if !seen.insert((own, of_other)) {
                continue;
            }
            match (self.words.get(own), other.words.get(of_other)) {
                (None, None) => return true,
                (Some(Word::Any), right) => {
                    open.push((own + 1, of_other));
                    open.extend(right.map(|_| (own, of_other + 1)));
                }
                (left, Some(Word::Any)) => {
                    open.push((own, of_other + 1));
                    open.extend(left.map(|_| (own + 1, of_other)));
                }
                (Some(left), Some(right)) if left == right || [left, right].contains(&&Word::One) => {
                    open.push((own + 1, of_other + 1));
                }
                _ => {}
            }
        }
        false
    }

    /// Whether it matches every key that `other` matches. In the place of a `*` of `other`, a word that this pattern does not have is the
    /// hardest to match: a pattern that matches that word matches any.
    #[must_use]
    pub fn contains(&self, other: &Self) -> bool {
        let (mut open, mut seen) = (vec![(0, self.start())], HashSet::new());
        while let Some((at, positions)) = open.pop() {
            if !seen.insert((at, positions.clone())) {
                continue;
            }
            match other.words.get(at) {
                None if self.is_end(&positions) => {}
                None => return false,
                Some(Word::Literal(word)) => open.push((at + 1, self.step(&positions, Some(word)))),
                Some(Word::One) => open.push((at + 1, self.step(&positions, None))),
                Some(Word::Any) => {
                    open.push((at, self.step(&positions, None)));
                    open.push((at + 1, positions));
                }
            }
        }
        true
    }

    fn start(&self) -> Positions {
        self.with_skipped(0)
    }

    /// A position, and those behind it that need no word.
    fn with_skipped(&self, position: usize) -> Positions {
        let mut positions = Positions::from([position]);
        let mut at = position;
        while self.words.get(at) == Some(&Word::Any) {
            at += 1;
            positions.insert(at);
        }
        positions
    }

    /// Where a word leads; `None` is one that the pattern does not have.
    fn step(&self, positions: &Positions, word: Option<&str>) -> Positions {
        let next = positions.iter().filter_map(|&at| match self.words.get(at)? {
            Word::Any => Some(at),
            Word::One => Some(at + 1),
            Word::Literal(literal) => (word == Some(literal)).then_some(at + 1),
        });
        next.flat_map(|at| self.with_skipped(at)).collect()
    }

    fn is_end(&self, positions: &Positions) -> bool {
        positions.contains(&self.words.len())
    }
}

/// The words of a key or a pattern.
fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split('.').filter(|_| !text.is_empty())
}

/// As it is written.
impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, word) in self.words.iter().enumerate() {
            if index > 0 {
                f.write_str(".")?;
            }
            f.write_str(match word {
                Word::Literal(word) => word,
                Word::One => "*",
                Word::Any => "#",
            })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn pattern(text: &str) -> Pattern {
        Pattern::of_words(text)
    }

    /// As the specification says it.
    fn model(pattern: &[&str], key: &[&str]) -> bool {
        match (pattern, key) {
            ([], []) => true,
            (["#", rest @ ..], _) => (0..=key.len()).any(|skipped| model(rest, &key[skipped..])),
            (["*", rest @ ..], [_, key @ ..]) => model(rest, key),
            ([word, rest @ ..], [first, key @ ..]) => word == first && model(rest, key),
            _ => false,
        }
    }

    fn split(text: &str) -> Vec<&str> {
        words(text).collect()
    }

    /// Every key of up to five words out of those that the patterns have, and one more.
    fn keys() -> Vec<String> {
        let mut keys = vec![String::new()];
        let mut of_length = vec![String::new()];
        for _ in 0..5 {
            of_length = of_length
                .iter()
                .flat_map(|key| {
                    ["a", "b", "z"]
                        .map(|word| if key.is_empty() { word.into() } else { format!("{key}.{word}") })
                })
                .collect();
            keys.extend(of_length.clone());
        }
        keys
    }

    #[test]
    fn a_star_is_one_word_and_a_hash_any_number() {
        for (text, key, expected) in [
            ("student.created", "student.created", true),
            ("student.created", "student.created.twice", false),
            ("student.*", "student.created", true),
            ("student.*", "student", false),
            ("student.*", "student.", true), // an empty word
            ("student.#", "student", true),
            ("student.#", "student.a.b", true),
            ("#.created", "created", true),
            ("#.created", "auth.user.created", true),
            ("*.created", "auth.user.created", false),
            ("#", "", true),
            ("*", "", false),
            ("#.*.#", "a", true),
            ("#.*.#", "", false),
            ("Student.*", "student.created", false),
        ] {
            assert_eq!(pattern(text).matches(key), expected, "{text} {key}");
        }
        assert!(Pattern::exactly("a.*").matches("a.*") && !Pattern::exactly("a.*").matches("a.b"));
    }

    #[test]
    fn what_no_exchange_would_take_for_a_pattern_is_refused() {
        for (text, told) in [
            ("", "it is empty"),
            ("student.cre*", "\"cre*\" is neither"),
            ("a.##", "\"##\" is neither"),
            ("a\n", "control character"),
            (&"a".repeat(256), "256 bytes"),
        ] {
            let error = Pattern::parse(text).unwrap_err();
            assert!(error.contains(told), "{error}");
        }
        assert_eq!(Pattern::parse("a.*.#").unwrap().to_string(), "a.*.#");
    }

    fn any_pattern() -> impl Strategy<Value = String> {
        prop::collection::vec(prop::sample::select(vec!["a", "b", "*", "#"]), 1..4)
            .prop_map(|words| words.join("."))
    }

    proptest! {
        #[test]
        fn it_matches_as_the_specification_says(text in any_pattern(), key in prop::sample::select(keys())) {
            prop_assert_eq!(pattern(&text).matches(&key), model(&split(&text), &split(&key)));
        }

        #[test]
        fn overlap_and_containment_are_those_of_the_keys(one in any_pattern(), other in any_pattern()) {
            let (left, right) = (pattern(&one), pattern(&other));
            let keys = keys();
            let common = keys.iter().any(|key| left.matches(key) && right.matches(key));
            let all = keys.iter().all(|key| left.matches(key) || !right.matches(key));
            // Patterns of three words at most: a common key, or one that only the other matches, needs no more than five.
            prop_assert_eq!(left.overlaps(&right), common);
            prop_assert_eq!(left.contains(&right), all);
        }
    }
}
