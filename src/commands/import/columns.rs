//! Which column of a file is which column of a table, by the header line. Reading values is left to `fields`.

use anyhow::bail;

/// A table that a file can be for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Table {
    /// Has a title.
    Events,
    /// Has an address.
    Participants,
}

/// The headers that a file for `events` may have.
pub const EVENTS: [&str; 9] =
    ["id", "title", "description", "location", "starts_at", "ends_at", "timezone", "url", "updated_at"];

/// The headers that a file for `participants` may have. `created_at` is in a dump of the table, and is not read.
pub const PARTICIPANTS: [&str; 7] = ["id", "event_id", "email", "name", "locale", "timezone", "created_at"];

impl Table {
    /// Its name in the database.
    pub fn name(self) -> &'static str {
        match self {
            Self::Events => "events",
            Self::Participants => "participants",
        }
    }

    fn headers(self) -> &'static [&'static str] {
        match self {
            Self::Events => &EVENTS,
            Self::Participants => &PARTICIPANTS,
        }
    }

    fn required(self, event: Option<i64>) -> &'static [&'static str] {
        match (self, event) {
            (Self::Events, _) => &["id", "title"],
            (Self::Participants, None) => &["event_id", "email"],
            (Self::Participants, Some(_)) => &["email"],
        }
    }

    /// The table that has more of these headers. `None` when no header tells.
    fn of(headers: &[String]) -> Option<Self> {
        let count = |own: &[&str], other: &[&str]| {
            let only = own.iter().filter(|name| !other.contains(name));
            only.filter(|name| headers.iter().any(|header| fold(header) == fold(name))).count()
        };
        let (events, participants) = (count(&EVENTS, &PARTICIPANTS), count(&PARTICIPANTS, &EVENTS));
        match events.cmp(&participants) {
            std::cmp::Ordering::Greater => Some(Self::Events),
            std::cmp::Ordering::Less => Some(Self::Participants),
            std::cmp::Ordering::Equal => None,
        }
    }
}

/// Whether a file may have the header.
pub fn is_known(header: &str) -> bool {
    EVENTS.iter().chain(&PARTICIPANTS).any(|name| fold(name) == fold(header))
}

/// The columns of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Columns {
    /// What the file is for.
    pub table: Table,
    /// Known names, each with its place in a record.
    known: Vec<(&'static str, usize)>,
    /// The headers of the file. A column without one must be empty.
    pub headers: Vec<String>,
}

impl Columns {
    /// Finds them. With an `event`, the file is for its participants and needs no column `event_id`.
    ///
    /// # Errors
    /// Names all headers that are missing, double or unknown.
    pub fn find(headers: Vec<String>, event: Option<i64>, ignore_unknown: bool) -> anyhow::Result<Self> {
        let named = event.map(|_| Table::Participants);
        let Some(table) = named.or_else(|| Table::of(&headers)) else {
            bail!(
                "the headers are those of neither table; expected {} for events, or {} for participants; found {}",
                EVENTS.join(", "),
                PARTICIPANTS[..6].join(", "),
                listed(&headers)
            );
        };
        let mut problems = Vec::new();
        let mut known: Vec<(&'static str, usize)> = Vec::new();
        for (place, header) in headers.iter().enumerate().filter(|(_, header)| !header.is_empty()) {
            match table.headers().iter().find(|name| fold(name) == fold(header)) {
                Some(name) if known.iter().any(|(other, _)| other == name) => {
                    problems.push(format!("{name} is there twice"));
                }
                Some(name) => known.push((name, place)),
                None if ignore_unknown => {}
                None => problems.push(unknown(table, header)),
            }
        }
        let has = |name: &str| known.iter().any(|(other, _)| *other == name);
        problems.extend(table.required(event).iter().filter(|name| !has(name)).map(|name| missing(name)));
        if event.is_some() && has("event_id") {
            problems.push("event_id is there, so leave --event out".to_owned());
        }
        if !problems.is_empty() {
            bail!("the headers do not fit the table {}: {}", table.name(), problems.join("; "));
        }
        Ok(Self { table, known, headers })
    }

    /// The place of a column in a record, if the file has it.
    pub fn place(&self, name: &str) -> Option<usize> {
        self.known.iter().find(|(known, _)| *known == name).map(|(_, place)| *place)
    }
}

fn missing(name: &str) -> String {
    let cure = if name == "event_id" { " (--event names the event of all lines)" } else { "" };
    format!("{name} is missing{cure}")
}

fn unknown(table: Table, header: &str) -> String {
    let distance = |name: &&&str| strsim::damerau_levenshtein(&fold(header), &fold(name));
    let similar = || table.headers().iter().min_by_key(distance).filter(|name| distance(name) <= 3);
    // As in "E-Mail address", but every second word has an "id" in it.
    let is_within = |name: &&&str| name.len() > 2 && fold(header).contains(&fold(name));
    let nearest = table.headers().iter().find(is_within).or_else(similar);
    let meant = nearest.map_or_else(
        || format!("known are {}", table.headers().join(", ")),
        |name| format!("did you mean {name}?"),
    );
    format!("\"{}\" is unknown ({meant}; --ignore-unknown-columns leaves such columns out)", shown(header))
}

fn listed(headers: &[String]) -> String {
    headers.iter().map(|header| format!("\"{}\"", shown(header))).collect::<Vec<_>>().join(", ")
}

/// A file without a header line has a person in its place.
fn shown(header: &str) -> String {
    use crate::text::{clean, mask};
    clean::cut(mask::mask(&clean::one_line(header)), 40)
}

/// The form in which headers are compared: `Event ID`, `event-id` and `EVENT_ID` are one.
fn fold(header: &str) -> String {
    header
        .chars()
        .filter(|c| !c.is_whitespace() && !matches!(c, '_' | '-'))
        .flat_map(char::to_lowercase)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(headers: &str) -> Result<Columns, String> {
        let headers = headers.split(',').map(|header| header.trim().to_owned()).collect();
        Columns::find(headers, None, false).map_err(|error| error.to_string())
    }

    #[test]
    fn headers_are_found_in_any_form_and_order() {
        let columns = find(" E-Mail ,EVENT ID,Name,,id").unwrap();
        assert_eq!(columns.table, Table::Participants);
        let places = ["id", "event_id", "email", "name", "locale"].map(|name| columns.place(name));
        assert_eq!(places, [Some(4), Some(1), Some(0), Some(2), None]);
        assert_eq!(find("ID,Title,Starts at,time zone").unwrap().table, Table::Events);
        assert_eq!(find("id,title").unwrap().table, Table::Events);
    }

    #[test]
    fn all_that_is_wrong_with_the_headers_is_told_at_once() {
        insta::assert_snapshot!(find("id,name,Name,mail,phone number,locale").unwrap_err(), @r#"the headers do not fit the table participants: name is there twice; "mail" is unknown (did you mean email?; --ignore-unknown-columns leaves such columns out); "phone number" is unknown (known are id, event_id, email, name, locale, timezone, created_at; --ignore-unknown-columns leaves such columns out); event_id is missing (--event names the event of all lines); email is missing"#);
        assert!(find("event_id,E-Mail Address").unwrap_err().contains("did you mean email?"));
        insta::assert_snapshot!(find("id,titel,location").unwrap_err(), @r#"the headers do not fit the table events: "titel" is unknown (did you mean title?; --ignore-unknown-columns leaves such columns out); title is missing"#);
        insta::assert_snapshot!(find("1,ann@example.com,Ann").unwrap_err(), @r#"the headers are those of neither table; expected id, title, description, location, starts_at, ends_at, timezone, url, updated_at for events, or id, event_id, email, name, locale, timezone for participants; found "1", "a***@example.com", "Ann""#);
    }

    #[test]
    fn an_event_of_the_command_line_stands_for_its_column() {
        let with_event = |headers: &[&str]| {
            let headers = headers.iter().map(|header| (*header).to_owned()).collect();
            Columns::find(headers, Some(7), true).map_err(|error| error.to_string())
        };
        assert_eq!(with_event(&["email", "phone"]).unwrap().table, Table::Participants);
        assert!(with_event(&["event_id", "email"]).unwrap_err().ends_with("so leave --event out"));
    }
}
