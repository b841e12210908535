//! Statements that differ between databases. Everything else in the store is written once.

use std::time::Duration;

use chrono::NaiveDateTime;
use diesel::connection::SimpleConnection as _;
use diesel::deserialize;
use diesel::{QueryResult, RunQueryDsl as _};
use diesel_migrations::EmbeddedMigrations;

use crate::domain::event::DateOrTime;
use crate::domain::ids::NotificationId;
use crate::domain::lease::Lease;
use crate::store::backend::any::{AnyConnection, MultiRawValue, dispatch, insert};
use crate::store::backend::insert_parts::insert_parts;
use crate::store::backend::sqlite;
use crate::store::backend::transaction;
use crate::store::ledger::deferrals::row::DeferralRow;
use crate::store::ledger::deliveries::row::DeliveryRow;
use crate::store::ledger::opening::row::NewNotification;
use crate::store::ledger::outbox::row::WaitingRow;
use crate::store::ledger::recipients::row::{Appended, NewRecipients, RecipientRow};
use crate::store::ledger::sessions::row::LockedSession;
use crate::store::schema::{INSERT_ROWS, events, participants, recipients, zoned_participants};
use crate::store::source::event_keys::{AppEvent, EventKeys};
use crate::store::source::keys::{KeyExpressions, ParticipantKeys};
use crate::store::source::new_rows::{KeyedParticipant, NewEvent, NewParticipant, ZonedParticipant};
use crate::store::source::user_ids::UserIds;

/// Name and version of the database, for people.
pub fn version(connection: &mut AnyConnection) -> QueryResult<String> {
    dispatch!(connection, AnyConnection(own) => dialect::version(own))
}

/// The time of the database's clock, UTC, to the millisecond: the time that workers on several machines agree on. A
/// SQLite file has no clock but the machine's.
pub fn clock(connection: &mut AnyConnection) -> QueryResult<NaiveDateTime> {
    dispatch!(connection, AnyConnection(own) => dialect::clock(own))
}

/// The session with this name, if the ledger has it. Nothing else can change it until the transaction ends. Needs a write
/// transaction: with SQLite it has locked it already.
pub fn lock_session(connection: &mut AnyConnection, name: &str) -> QueryResult<Option<LockedSession>> {
    dispatch!(connection, AnyConnection(own) => dialect::lock_session(own, name))
}

/// The newest lease of each of these notifications that exists, in key order. Nothing else can change them until the
/// transaction ends. Needs a write transaction: with SQLite it has locked them already.
pub fn lock_notifications(connection: &mut AnyConnection, ids: &[NotificationId]) -> QueryResult<Vec<Lease>> {
    dispatch!(connection, AnyConnection(own) => dialect::lock_notifications(own, ids))
}

/// Adds those rows to the ledger whose lease is the newest of its notification, all or none. Returns what
/// [`lock_notifications`] says of these `ids`, which nothing can change before the rows are committed. A row that exists
/// already stays as it is.
pub fn record_deliveries(
    connection: &mut AnyConnection,
    ids: &[NotificationId],
    rows: &[DeliveryRow],
) -> QueryResult<Vec<Lease>> {
    let work = |connection: &mut AnyConnection| insert_deliveries(connection, ids, rows);
    if dispatch!(connection, AnyConnection => dialect::RECORDS_IN_ONE_STATEMENT) {
        // It is a transaction by itself.
        transaction::repeat(connection, work)
    } else {
        transaction::write(connection, work)
    }
}

/// The same in a write transaction of the caller, which may add more.
pub fn insert_deliveries(
    connection: &mut AnyConnection,
    ids: &[NotificationId],
    rows: &[DeliveryRow],
) -> QueryResult<Vec<Lease>> {
    dispatch!(connection, AnyConnection(own) => dialect::record_deliveries(own, ids, rows))
}

/// Adds deferrals. A row that exists already stays as it is.
pub fn insert_deferrals(connection: &mut AnyConnection, rows: &[DeferralRow]) -> QueryResult<()> {
    rows.chunks(INSERT_ROWS).try_for_each(
        |rows| dispatch!(connection, AnyConnection(own) => dialect::insert_deferrals(own, rows)),
    )
}

/// Appends to the list of recipients under a valid lease, all or none, if that is one statement here.
pub fn append_recipients(
    connection: &mut AnyConnection,
    new: &NewRecipients<'_>,
) -> QueryResult<Option<Appended>> {
    dispatch!(connection, AnyConnection(own) => dialect::append_recipients(own, new))
}

/// Adds rows to the list of recipients.
pub fn insert_recipients(connection: &mut AnyConnection, rows: &[RecipientRow<'_>]) -> QueryResult<()> {
    dispatch!(connection, AnyConnection(own) => {
        diesel::insert_into(recipients::table).values(rows).execute(own).map(drop)
    })
}

/// Adds notifications, and returns their keys in the same order. Needs a write transaction.
pub fn insert_notifications(
    connection: &mut AnyConnection,
    rows: &[NewNotification<'_>],
) -> QueryResult<Vec<NotificationId>> {
    let mut ids = Vec::with_capacity(rows.len());
    for rows in insert_parts(rows, NewNotification::size) {
        ids.extend(dispatch!(connection, AnyConnection(own) => dialect::insert_notifications(own, rows))?);
    }
    Ok(ids)
}

/// Up to `limit` rows of the outbox that need not wait. No other worker takes them until the transaction ends, and those that one
/// is taking are left out. Needs a write transaction. `before`: for [`WaitingRow::is_older`].
pub fn lock_waiting_of_outbox(
    connection: &mut AnyConnection,
    before: NaiveDateTime,
    limit: i64,
) -> QueryResult<Vec<WaitingRow>> {
    dispatch!(connection, AnyConnection(own) => outbox::lock_waiting(own, before, limit))
}

/// The same of those that were to wait until `now` or an earlier time.
pub fn lock_due_of_outbox(
    connection: &mut AnyConnection,
    now: NaiveDateTime,
    before: NaiveDateTime,
    limit: i64,
) -> QueryResult<Vec<WaitingRow>> {
    dispatch!(connection, AnyConnection(own) => outbox::lock_due(own, now, before, limit))
}

/// Has the database tell this connection of new rows of the outbox, if it can.
pub fn begin_watch_of_outbox(connection: &mut AnyConnection) -> QueryResult<()> {
    dispatch!(connection, AnyConnection(own) => outbox::begin_watch(own))
}

/// Whether there may be new rows of the outbox since the last call, which has left `seen`.
pub fn has_outbox_changed(connection: &mut AnyConnection, seen: &mut i64) -> QueryResult<bool> {
    dispatch!(connection, AnyConnection(own) => outbox::has_changed(own, seen))
}

/// Shortest and longest pause between two calls of [`has_outbox_changed`].
pub fn pauses_of_outbox(connection: &AnyConnection) -> [Duration; 2] {
    dispatch!(connection, AnyConnection => outbox::PAUSES)
}

/// Whether a statement costs a round trip to a server, so that one long statement is better than many short ones that are
/// prepared already.
pub fn has_round_trips(connection: &AnyConnection) -> bool {
    dispatch!(connection, AnyConnection => dialect::HAS_ROUND_TRIPS)
}

/// Has a server end each further statement of the connection after so many seconds.
pub fn limit_statements(connection: &mut AnyConnection, seconds: u32) -> QueryResult<()> {
    let statement = dispatch!(connection, AnyConnection(_) => dialect::statement_limit(seconds));
    if statement.is_empty() { Ok(()) } else { connection.batch_execute(&statement) }
}

/// The type BIGINT as CAST takes it.
pub fn bigint(connection: &AnyConnection) -> &'static str {
    dispatch!(connection, AnyConnection => dialect::BIGINT)
}

/// The type of a time without a zone as CAST takes it.
pub fn timestamp(connection: &AnyConnection) -> &'static str {
    dispatch!(connection, AnyConnection => dialect::TIMESTAMP)
}

/// The column `email` as far as SQL can compare addresses.
pub fn folded_email(connection: &AnyConnection) -> &'static str {
    dispatch!(connection, AnyConnection => dialect::FOLDED_EMAIL)
}

/// The column `email` without blanks around it, in a form in which only the same bytes are equal.
pub fn exact_email(connection: &AnyConnection) -> &'static str {
    dispatch!(connection, AnyConnection => dialect::EXACT_EMAIL)
}

/// A condition on a group of participants: whether the `email` of one has something else in it than visible ASCII.
pub fn is_unusual_email(connection: &AnyConnection) -> &'static str {
    dispatch!(connection, AnyConnection => dialect::IS_UNUSUAL_EMAIL)
}

/// An expression with this text, which has no quote and no backslash, as its value.
pub fn text_literal(connection: &AnyConnection, text: &str) -> String {
    dispatch!(connection, AnyConnection(_) => dialect::text_literal(text))
}

/// Adds events.
pub fn insert_events(connection: &mut AnyConnection, rows: &[NewEvent]) -> QueryResult<()> {
    insert!(rows, events, connection)
}

/// Adds participants. The database chooses their keys.
pub fn insert_participants(connection: &mut AnyConnection, rows: &[NewParticipant]) -> QueryResult<()> {
    insert!(rows, participants, connection)
}

/// Adds participants with these keys.
pub fn insert_keyed_participants(
    connection: &mut AnyConnection,
    rows: &[KeyedParticipant],
) -> QueryResult<()> {
    insert!(rows, participants, connection)
}

/// Adds participants with their time zones. The database chooses their keys.
pub fn insert_zoned_participants(
    connection: &mut AnyConnection,
    rows: &[ZonedParticipant],
) -> QueryResult<()> {
    insert!(rows, zoned_participants, connection)
}

/// Makes sure that keys that the database chooses in `table` from now on are larger than those in it.
pub fn choose_larger_keys(connection: &mut AnyConnection, table: &str) -> QueryResult<()> {
    dispatch!(connection, AnyConnection(own) => dialect::choose_larger_keys(own, table))
}

/// Whether `name` is a view.
pub fn is_view(connection: &mut AnyConnection, name: &str) -> QueryResult<bool> {
    dispatch!(connection, AnyConnection(own) => dialect::is_view(own, name))
}

/// The migrations of the connection's database.
pub fn migrations(connection: &AnyConnection) -> EmbeddedMigrations {
    dispatch!(connection, AnyConnection => dialect::MIGRATIONS)
}

/// Whether a table of fanmail with this name and these columns cannot be created, because something else has the name.
pub fn is_name_in_use(connection: &mut AnyConnection, name: &str, columns: &[&str]) -> QueryResult<bool> {
    dispatch!(connection, AnyConnection(own) => dialect::is_name_in_use(own, name, columns))
}

/// Runs `work`, which creates tables, while no other process does so.
pub fn migrate_alone<T>(
    connection: &mut AnyConnection,
    work: impl FnMut(&mut AnyConnection) -> QueryResult<T>,
) -> QueryResult<T> {
    dispatch!(connection, AnyConnection(_) => dialect::migrate_alone(connection, work))
}

/// Refuses columns of the application that would be misread, above all keys that cannot be paged through.
pub fn check_types(connection: &mut AnyConnection) -> QueryResult<()> {
    dispatch!(connection, AnyConnection(own) => types::check_types(own))
}

/// How the application's tables hold the keys of events, and those of participants.
pub fn find_app_keys(connection: &mut AnyConnection) -> QueryResult<(EventKeys, ParticipantKeys)> {
    let text_type = dispatch!(connection, AnyConnection => dialect::TEXT);
    let [events, participants] = dispatch!(connection, AnyConnection(own) => event_keys::find_columns(own))?;
    let events = EventKeys::new(events, participants, text_type)?;
    let participants = dispatch!(connection, AnyConnection(own) => types::participant_keys(own))?;
    Ok((events, participants))
}

/// How `users` holds ids. `None`: there is no such table or view, or none that this user may know of.
pub fn find_user_ids(connection: &mut AnyConnection) -> QueryResult<Option<UserIds>> {
    dispatch!(connection, AnyConnection(own) => event_keys::find_user_ids(own))
}

/// How keys are written that are looked up, where each row has a kind of its own. No row is looked at for it.
pub const LOOKUP_KEY_OF_ROWS: KeyExpressions = sqlite::types::LOOKUP;

/// How the keys of this event's participants are written, where each row has a kind of its own.
pub fn text_key_of_rows(connection: &mut AnyConnection, event: AppEvent) -> QueryResult<KeyExpressions> {
    // Only SQLite has such rows.
    sqlite::types::text_key_of_rows(connection, event)
}

/// Reads the largest key of some participants. `None`: it is no number.
pub fn read_largest_key(value: MultiRawValue<'_>) -> deserialize::Result<Option<i64>> {
    let is_text = match &value {
        MultiRawValue::Sqlite(own) => sqlite::dialect::is_text(own),
        #[cfg(any(feature = "mysql", feature = "postgres"))]
        _ => false,
    };
    if is_text { Ok(None) } else { read_key(value).map(Some) }
}

/// Reads a key of the application, a whole number of any length.
pub fn read_key(value: MultiRawValue<'_>) -> deserialize::Result<i64> {
    dispatch!(value, MultiRawValue(own) => dialect::read_key(own))
}

/// Reads a text of the application. What is not UTF-8 in it is replaced (U+FFFD).
pub fn read_text(value: MultiRawValue<'_>) -> deserialize::Result<String> {
    dispatch!(value, MultiRawValue(own) => values::read_text(own))
}

/// Reads a time or a date of the application. A time without an offset is UTC.
pub fn read_time(value: MultiRawValue<'_>) -> deserialize::Result<DateOrTime> {
    dispatch!(value, MultiRawValue(own) => values::read_time(own))
}
