//! Whose turn it is when notifications of several priorities wait: weighted fair queueing. While all three wait, high has 8 turns of
//! 13, medium 4 and low 1. A priority of which none waits leaves its turns to the others, and gets none of them back later. So none
//! is ever starved, and a notification of high priority is next, or next but a few.

use crate::domain::priority::Priority;

/// Virtual time of 8 turns of high, 4 of medium, or 1 of low.
const PERIOD: u64 = 8;

/// Who has had how many turns. A turn of a priority takes virtual time in inverse proportion to its weight, and the one that ends first
/// is next.
#[derive(Debug, Clone, Default)]
pub struct Turns {
    /// When the turn of each that waits would end.
    due: [Option<u64>; 3],
    /// When the last turn of each ended.
    last: [u64; 3],
    /// When the last turn of all ended.
    now: u64,
}

impl Turns {
    /// Whose turn it is among those that wait. The same until [`Self::taken`] is called, unless a more urgent one comes.
    pub fn next(&mut self, waits: impl Fn(Priority) -> bool) -> Option<Priority> {
        let mut next: Option<(u64, Priority)> = None;
        for priority in Priority::ALL {
            let index = priority.index();
            if !waits(priority) {
                self.due[index] = None;
                continue;
            }
            let due = *self.due[index].get_or_insert(self.now.max(self.last[index]) + duration(priority));
            if next.is_none_or(|(first, _)| due < first) {
                next = Some((due, priority));
            }
        }
        next.map(|(_, priority)| priority)
    }

    /// The one that was next has had its turn.
    pub fn taken(&mut self, priority: Priority) {
        let index = priority.index();
        if let Some(end) = self.due[index].take() {
            self.last[index] = end;
            self.now = end;
        }
    }
}

fn duration(priority: Priority) -> u64 {
    PERIOD / priority.weight()
}

#[cfg(test)]
mod tests {
    use super::*;
    use Priority::{High, Low, Medium};

    fn take(turns: &mut Turns, waiting: &[Priority]) -> Priority {
        let next = turns.next(|priority| waiting.contains(&priority)).unwrap();
        turns.taken(next);
        next
    }

    fn count(turns: &mut Turns, waiting: &[Priority], times: usize) -> [usize; 3] {
        let mut counts = [0; 3];
        for _ in 0..times {
            counts[take(turns, waiting).index()] += 1;
        }
        counts
    }

    #[test]
    fn the_weights_are_exact_and_high_begins() {
        let mut turns = Turns::default();
        for _ in 0..1_000 {
            assert_eq!(count(&mut turns, &Priority::ALL, 13), [8, 4, 1]);
        }
        let order: Vec<&str> = (0..13).map(|_| take(&mut turns, &Priority::ALL).as_str()).collect();
        assert_eq!(
            order.join(" "),
            "high high medium high high medium high high medium high high medium low"
        );
    }

    #[test]
    fn those_that_wait_share_the_turns_of_those_that_do_not() {
        let mut turns = Turns::default();
        assert_eq!(count(&mut turns, &[Medium, Low], 50), [0, 40, 10]);
        assert_eq!(count(&mut turns, &[High, Low], 90), [80, 0, 10]);
        assert_eq!(count(&mut turns, &[High, Medium], 30), [20, 10, 0]);
        assert_eq!(count(&mut turns, &[Low], 7), [0, 0, 7]);
        assert_eq!(turns.next(|_| false), None);
    }

    #[test]
    fn who_was_away_has_no_turns_left_over() {
        let mut turns = Turns::default();
        count(&mut turns, &[Medium, Low], 100_000);
        assert_eq!(count(&mut turns, &Priority::ALL, 13), [8, 4, 1], "no more than its share");
        count(&mut turns, &[High], 100_000);
        assert_eq!(count(&mut turns, &Priority::ALL, 13), [8, 4, 1]);
    }

    #[test]
    fn high_that_comes_now_and_then_is_next_but_one_at_most() {
        for pause in 1..40 {
            let mut turns = Turns::default();
            for _ in 0..1_000 {
                count(&mut turns, &[Medium, Low], pause);
                let waits = (0..13).take_while(|_| take(&mut turns, &Priority::ALL) != High).count();
                assert!(waits <= 1, "it waited for {waits} others");
            }
        }
    }

    #[test]
    fn none_is_starved_however_the_others_come_and_go() {
        let mut random = fastrand::Rng::with_seed(8_4_1);
        let mut turns = Turns::default();
        let mut waited = [0_u32; 3];
        for _ in 0..200_000 {
            // Low waits all the time.
            let waiting: Vec<Priority> =
                Priority::ALL.into_iter().filter(|one| *one == Low || random.bool()).collect();
            let next = take(&mut turns, &waiting);
            for one in Priority::ALL {
                let waits = &mut waited[one.index()];
                *waits = if one == next || !waiting.contains(&one) { 0 } else { *waits + 1 };
            }
            assert!(waited[Low.index()] <= 13 && waited[High.index()] <= 2, "{waited:?}");
        }
    }

    #[test]
    fn asking_takes_no_turn() {
        let mut turns = Turns::default();
        let asked: Vec<_> = (0..5).map(|_| turns.next(|one| one != High)).collect();
        assert_eq!(asked, [Some(Medium); 5]);
        assert_eq!(turns.next(|_| true), Some(High), "a more urgent one has come");
        turns.taken(High);
        assert_eq!(count(&mut turns, &Priority::ALL, 12), [7, 4, 1]);
    }
}
