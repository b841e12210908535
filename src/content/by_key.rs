//! Values by a key, such as the tag of a language, made when they are first needed and then kept. Lanes read side by side without a lock.

use std::sync::OnceLock;

/// Most values that are kept. Locales and time zones come from an application: there may be many of them.
const KEPT_MAX: usize = 200;

/// A list that only grows: a reader follows it without waiting, and at its end one thread makes the next value.
#[derive(Debug)]
pub(crate) struct ByKey<K, T> {
    first: OnceLock<Box<Kept<K, T>>>,
}

#[derive(Debug)]
struct Kept<K, T> {
    key: K,
    value: T,
    next: OnceLock<Box<Kept<K, T>>>,
}

impl<K, T> Default for ByKey<K, T> {
    fn default() -> Self {
        Self { first: OnceLock::new() }
    }
}

impl<K: Copy + PartialEq, T> ByKey<K, T> {
    /// The value of a key. `make` makes it, if it is not there yet.
    ///
    /// # Errors
    /// `make`, when so many others are kept that this one would not be.
    pub fn get_or_make<F: Fn() -> T>(&self, key: K, make: F) -> Result<&T, F> {
        let mut place = &self.first;
        for _ in 0..KEPT_MAX {
            let kept = place.get_or_init(|| Box::new(Kept { key, value: make(), next: OnceLock::new() }));
            if kept.key == key {
                return Ok(&kept.value);
            }
            place = &kept.next;
        }
        Err(make)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::thread;

    use super::*;
    use crate::content::tag::Tag;

    fn tag(number: usize) -> Tag {
        Tag::read(&format!("de-{number:03}")).unwrap()
    }

    #[test]
    fn a_value_is_made_once_for_all_threads() {
        let (values, count) = (ByKey::default(), AtomicUsize::new(0));
        thread::scope(|scope| {
            for start in 0..4 {
                let (values, count) = (&values, &count);
                scope.spawn(move || {
                    for number in (0..50).map(|step| (start * 13 + step) % 50) {
                        let make = || {
                            count.fetch_add(1, Ordering::Relaxed);
                            number
                        };
                        assert_eq!(values.get_or_make(tag(number), make).ok(), Some(&number));
                    }
                });
            }
        });
        assert_eq!(count.into_inner(), 50);
    }

    #[test]
    fn no_more_than_a_number_of_values_is_kept() {
        let values = ByKey::default();
        let kept = (0..999).filter(|number| values.get_or_make(tag(*number), || *number).is_ok()).count();
        assert_eq!(kept, KEPT_MAX);
        assert_eq!(values.get_or_make(tag(7), || 0).ok(), Some(&7));
        assert_eq!(values.get_or_make(tag(998), || 1).map_err(|make| make()), Err(1));
    }
}
