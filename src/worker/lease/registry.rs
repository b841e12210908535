//! The values of one kind that are alive. A value that is dropped leaves nothing behind. What they are is left to the
//! caller.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, Weak};

use crate::sync::lock;

/// Weak references to the values.
#[derive(Debug)]
pub(crate) struct Registry<T> {
    entries: Arc<Mutex<Entries<T>>>,
}

#[derive(Debug)]
struct Entries<T> {
    alive: HashMap<u64, Weak<T>>,
    next: u64,
}

/// A field of a registered value: removes it from the registry when it is dropped.
#[derive(Debug)]
pub(crate) struct Registration<T> {
    entries: Arc<Mutex<Entries<T>>>,
    number: u64,
}

impl<T> Registry<T> {
    /// The value that `make` builds around its registration.
    pub(crate) fn register(&self, make: impl FnOnce(Registration<T>) -> T) -> Arc<T> {
        let number = {
            let mut entries = lock(&self.entries);
            entries.next += 1;
            entries.next
        };
        let value = Arc::new(make(Registration { entries: Arc::clone(&self.entries), number }));
        lock(&self.entries).alive.insert(number, Arc::downgrade(&value));
        value
    }

    /// All values that are alive.
    pub(crate) fn alive(&self) -> Vec<Arc<T>> {
        // None of them is dropped while the lock is held: that would take it once more.
        let entries = lock(&self.entries);
        entries.alive.values().filter_map(Weak::upgrade).collect()
    }

    /// How many values it knows.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        lock(&self.entries).alive.len()
    }
}

impl<T> Default for Registry<T> {
    fn default() -> Self {
        Self { entries: Arc::new(Mutex::new(Entries { alive: HashMap::new(), next: 0 })) }
    }
}

impl<T> Drop for Registration<T> {
    fn drop(&mut self) {
        lock(&self.entries).alive.remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Value(u32, #[expect(dead_code, reason = "it is there to be dropped")] Registration<Value>);

    #[test]
    fn a_value_that_is_dropped_leaves_nothing_behind() {
        let registry = Registry::default();
        let first = registry.register(|registration| Value(1, registration));
        for _ in 0..1000 {
            drop(registry.register(|registration| Value(2, registration)));
            assert_eq!(registry.len(), 1);
        }
        let clone = Arc::clone(&first);
        drop(first);
        assert_eq!(
            registry.alive().iter().map(|value| value.0).collect::<Vec<_>>(),
            [1],
            "a clone of it is left"
        );
        drop(clone);
        assert_eq!((registry.len(), registry.alive().len()), (0, 0));
    }

    #[test]
    fn values_may_be_dropped_while_others_look() {
        let registry = Registry::default();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for number in 0..5_000 {
                        let value = registry.register(|registration| Value(number, registration));
                        assert!(!registry.alive().is_empty());
                        drop(value);
                    }
                });
            }
        });
        assert_eq!(registry.len(), 0);
    }
}
