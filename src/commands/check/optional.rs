//! What `check` finds in tables and views of the application that need not be there: `users` and `optouts`.

use crate::commands::check::finding::with_causes;
use crate::store::Store;
use crate::text::clean::{cut, one_line};
use crate::text::count::count;

/// How many rows are looked at.
const LOOK_AT: u32 = 1000;

/// Longest word that a note quotes, in characters.
const MAX_SHOWN: usize = 40;

/// Only notices to user ids need the table, and an application may have another one of this name.
pub(super) fn note_users(store: &Store) -> Option<String> {
    let error = store.check_users().err()?;
    Some(format!("users cannot be read, which only notices to user ids need: {}", error.reason()))
}

/// Notes for people about `optouts`. `is_used`: whether `OPTOUTS` is set.
///
/// # Errors
/// What is wrong, if it is used and cannot be read.
pub(super) fn look_at_optouts(store: &Store, is_used: bool) -> Result<Vec<String>, String> {
    let sample = match store.sample_optouts(LOOK_AT) {
        Ok(sample) => sample,
        Err(error) if is_used => {
            return Err(format!(
                "OPTOUTS=True, but {}; nobody is mailed until it can be read",
                with_causes(error)
            ));
        }
        // An application may have another table of this name, or none.
        Err(_) => return Ok(Vec::new()),
    };
    if !is_used {
        let note =
            "there is a table or view optouts, which is not read; to mail nobody in it, set OPTOUTS=True";
        return Ok(vec![note.to_owned()]);
    }
    let without_address = (sample.without_address > 0).then(|| {
        let rows = count(sample.without_address as u64, "row");
        format!("optouts: {rows} of the first {} without an address to which mail can be sent", sample.rows)
    });
    let bad_scope = sample.bad_scope.map(|word| {
        let word = cut(one_line(&word), MAX_SHOWN);
        format!("optouts: the scope \"{word}\" is none, and counts as all; expected everything, all, kind:KIND or event:KEY")
    });
    let not_found = (sample.not_found > 0).then(|| {
        let rows = count(sample.not_found as u64, "row");
        format!(
            "optouts: {rows} of the first {} with blanks or capitals in the address; they stop no mail, unless participants.email has the \
             same capitals; let the view write LOWER(TRIM(email))",
            sample.rows
        )
    });
    Ok(without_address.into_iter().chain(not_found).chain(bad_scope).collect())
}
