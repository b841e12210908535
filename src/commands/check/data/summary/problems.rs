//! What keeps people from being mailed, among what was found.

use crate::commands::check::data::summary::Summary;
use crate::text::count::count;

impl Summary {
    /// What keeps people from being mailed, and what to do about it.
    pub fn problems(&self) -> Vec<String> {
        let mut problems = self.failures.clone();
        if self.unreadable.count > 0 {
            problems.push(format!(
                "{} cannot be read, such as {}; correct the row, or leave it out in a view",
                count(self.unreadable.count, "participant"),
                self.unreadable.example
            ));
        }
        problems.extend(self.several_rows());
        problems.extend(self.several_addresses());
        if let Some(event) = self.without_keys {
            problems.push(format!(
                "rows of participants without an id (NULL), such as in event {event}, would get no mail; give each row an id"
            ));
        }
        problems
    }

    fn several_rows(&self) -> Option<String> {
        let (event, rows) = self.event_rows.iter().max_by_key(|(_, rows)| **rows)?;
        let number = u64::try_from(self.event_rows.len()).unwrap_or(u64::MAX);
        Some(format!(
            "more than one row of events has the same id ({}, such as event {event} with {rows} rows); an event needs one row, \
             and nothing is mailed for one whose rows differ; in a view, make one row of them with GROUP BY id; DISTINCT is \
             enough only if they are the same in every column",
            count(number, "event")
        ))
    }
}
