//! The notifications that messages may belong to: one query for each rule. Which one it is, the folder above decides.

use std::cmp::Reverse;
use std::collections::{BTreeSet, HashMap};

use chrono::NaiveDateTime;
use diesel::dsl::not;
use diesel::prelude::*;

use crate::domain::channel::ChannelName;
use crate::domain::ids::{EventId, NotificationId};
use crate::domain::kind::Kind;
use crate::domain::message::Message;
use crate::domain::message::details::DetailsJson;
use crate::domain::session::Receipt;
use crate::store::backend::any::AnyConnection;
use crate::store::backend::dispatch;
use crate::store::ledger::identity::sessions::ForgottenAcks;
use crate::store::ledger::opening::{Arrival, Place};
use crate::store::ledger::row::{NotificationRecord, NotificationRow};
use crate::store::schema::{INSERT_ROWS, notifications};

/// Up to so many keys, SQLite looks for each with a statement that is prepared already.
const PREPARED_KEYS: usize = 32;

/// Compiles a query over the notifications that equal a message without a `message_id`, for both kinds of keys, and for those that a
/// digest tells.
macro_rules! of_equal {
    ($message:expr, $equal:ident => $query:expr) => {
        match ($message.digest(), $message.event_id) {
            (None, Some(EventId::Number(id))) => {
                let $equal = without_message_id(id, $message.kind);
                $query
            }
            (None, Some(EventId::Text(key))) => {
                let $equal = of_text_without_message_id(key.as_str().to_owned(), $message.kind);
                $query
            }
            (digest, _) => {
                let $equal = of_digest(digest.unwrap_or_default());
                $query
            }
        }
    };
}

/// A notification that a message may belong to.
#[derive(Debug, Clone)]
pub(crate) struct Candidate {
    /// The notification.
    pub record: NotificationRecord,
    /// The delivery tag of its message in `record.broker_session`.
    pub delivery_tag: Option<i64>,
    /// When it got that tag.
    pub delivered_at: Option<NaiveDateTime>,
}

impl Candidate {
    fn new(row: NotificationRow, clock: NaiveDateTime) -> QueryResult<Self> {
        let (delivery_tag, delivered_at) = (row.delivery_tag, row.delivered_at);
        Ok(Self { record: row.into_record(clock)?, delivery_tag, delivered_at })
    }

    /// The place of its message.
    pub fn place(&self) -> Option<Place> {
        let session = self.record.broker_session.clone()?;
        Some(Place { session, tag: self.delivery_tag?, delivered_at: self.delivered_at? })
    }
}

/// Rule 0: the notifications that have the receipts of arrivals which were asked about before.
pub(crate) fn find_by_receipts(
    connection: &mut AnyConnection,
    worker: &str,
    arrivals: &[Arrival],
    clock: NaiveDateTime,
) -> QueryResult<Vec<(Receipt, Candidate)>> {
    let asked: Vec<&Arrival> = arrivals.iter().filter(|arrival| arrival.asked_at.is_some()).collect();
    let mut found = Vec::new();
    for arrivals in asked.chunks(INSERT_ROWS) {
        let with_receipts = notifications::table
            .filter(
                notifications::broker_session
                    .eq_any(arrivals.iter().map(|arrival| arrival.session_name(worker))),
            )
            .filter(notifications::delivery_tag.eq_any(arrivals.iter().map(|arrival| arrival.tag())))
            .select(NotificationRow::as_select());
        // By the event or the digest, which have an index.
        let Sorted { numbers, texts, digests } = sort(arrivals);
        let mut rows: Vec<NotificationRow> = Vec::new();
        if !numbers.is_empty() {
            let of_events = with_receipts.clone().filter(notifications::event_id.eq_any(numbers));
            rows = of_events.load(connection)?;
        }
        if !texts.is_empty() {
            let of_events = with_receipts.clone().filter(notifications::event_key.eq_any(texts));
            rows.extend(of_events.load::<NotificationRow>(connection)?);
        }
        if !digests.is_empty() {
            let notices = with_receipts.filter(notifications::content_digest.eq_any(digests));
            rows.extend(notices.load::<NotificationRow>(connection)?);
        }
        for row in rows {
            let of_row = arrivals.iter().find(|arrival| {
                (Some(arrival.tag()), Some(arrival.session_name(worker)))
                    == (row.delivery_tag, row.broker_session.clone())
            });
            if let Some(arrival) = of_row {
                found.push((arrival.receipt, Candidate::new(row, clock)?));
            }
        }
    }
    Ok(found)
}

/// What notifications are found by.
#[derive(Default)]
struct Sorted<'a> {
    numbers: Vec<i64>,
    texts: Vec<&'a str>,
    /// Of those that are about no event. Those with an id are found by that.
    digests: Vec<String>,
}

fn sort<'a>(arrivals: &[&'a Arrival]) -> Sorted<'a> {
    let mut sorted = Sorted::default();
    for arrival in arrivals {
        match &arrival.message.event_id {
            Some(EventId::Number(id)) => sorted.numbers.push(*id),
            Some(EventId::Text(key)) => sorted.texts.push(key.as_str()),
            None => sorted.digests.extend(arrival.message.digest()),
        }
    }
    sorted
}

/// Rule 1: the notifications with the `message_id`s of arrivals.
pub(crate) fn find_by_keys(
    connection: &mut AnyConnection,
    arrivals: &[Arrival],
    clock: NaiveDateTime,
) -> QueryResult<Vec<Candidate>> {
    let keys: Vec<&str> = arrivals.iter().filter_map(|arrival| arrival.identity.key()).collect();
    let of_channel = notifications::table
        .filter(notifications::channel.eq(ChannelName::Email.as_str()))
        .select(NotificationRow::as_select());
    let mut rows: Vec<NotificationRow> = Vec::new();
    // One key alone is a statement that every database has prepared.
    if keys.len() == 1 || (keys.len() <= PREPARED_KEYS && !dispatch::has_round_trips(connection)) {
        let distinct: BTreeSet<&str> = keys.into_iter().collect();
        for key in distinct {
            rows.extend(
                of_channel.filter(notifications::message_key.eq(key)).load::<NotificationRow>(connection)?,
            );
        }
    } else {
        for keys in keys.chunks(INSERT_ROWS) {
            let keys = keys.iter().copied();
            rows.extend(
                of_channel
                    .filter(notifications::message_key.eq_any(keys))
                    .load::<NotificationRow>(connection)?,
            );
        }
    }
    rows.into_iter().map(|row| Candidate::new(row, clock)).collect()
}

/// Rule 3: the equal notifications that are not known to be acked, the oldest first.
pub(crate) fn find_unacked(
    connection: &mut AnyConnection,
    message: &Message,
    clock: NaiveDateTime,
) -> QueryResult<Vec<Candidate>> {
    let rows: Vec<NotificationRow> = of_equal!(message, equal => {
        let unacked = equal.filter(notifications::acked_at.is_null());
        unacked.select(NotificationRow::as_select()).load(connection)
    })?;
    let mut found: Vec<Candidate> =
        rows.into_iter().map(|row| Candidate::new(row, clock)).collect::<QueryResult<_>>()?;
    retain_same_details(&mut found, message, |candidate| {
        candidate.record.details.as_ref().map(DetailsJson::as_str)
    });
    found.sort_unstable_by_key(|candidate| candidate.record.notification.id);
    Ok(found)
}

/// A notification whose ack may have been forgotten.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Forgotten {
    /// The place of its message.
    pub place: Place,
    /// Its key.
    pub id: NotificationId,
    /// Acks that were recorded later than this may have been forgotten, by the crash that has ended its session.
    pub since: NaiveDateTime,
    /// Whether the session has certainly ended.
    pub certain: bool,
}

/// Rule 4: the equal notifications whose acks may have been forgotten, in the order of the queue.
pub(crate) fn find_forgotten(
    connection: &mut AnyConnection,
    message: &Message,
    sessions: &[ForgottenAcks<'_>],
) -> QueryResult<Vec<Forgotten>> {
    type Time = Option<NaiveDateTime>;
    type Acked = (NotificationId, Option<String>, Option<i64>, Time, Time, Option<String>);
    let Some(since) = sessions.iter().map(|session| session.since).min() else { return Ok(Vec::new()) };
    let by_name: HashMap<&str, usize> =
        sessions.iter().enumerate().map(|(index, session)| (session.session, index)).collect();
    let columns = (
        notifications::id,
        notifications::broker_session,
        notifications::delivery_tag,
        notifications::delivered_at,
        notifications::acked_at,
        notifications::content,
    );
    let mut acked: Vec<Acked> = of_equal!(message, equal => {
        equal.filter(notifications::acked_at.gt(since)).select(columns).load(connection)
    })?;
    retain_same_details(&mut acked, message, |(.., details)| details.as_deref());
    let mut found: Vec<Forgotten> = acked
        .into_iter()
        .filter_map(|(id, session, tag, delivered_at, acked_at, _)| {
            let place = Place { session: session?, tag: tag?, delivered_at: delivered_at? };
            let acks = &sessions[*by_name.get(place.session.as_str())?];
            (acked_at? > acks.since).then_some(Forgotten {
                place,
                id,
                since: acks.since,
                certain: acks.certain,
            })
        })
        .collect();
    // What came again after one crash was at the head of the queue. What did not is behind it after the next crash.
    found.sort_unstable_by_key(|acked| (Reverse(acked.since), acked.place.delivered_at, acked.place.tag));
    Ok(found)
}

/// Keeps those that have the details of the message. If there are none, keeps those without details: versions before 0.2.0 kept
/// none. A message with a digest is told by that: the details of a route are written differently when the routes are changed, and
/// those of a notice lose the address of who is erased.
fn retain_same_details<T>(found: &mut Vec<T>, message: &Message, details: impl Fn(&T) -> Option<&str>) {
    if message.source.is_some() || message.recipients.is_some() {
        return;
    }
    let wanted = message
        .details
        .as_ref()
        .map(DetailsJson::as_str)
        .filter(|wanted| found.iter().any(|one| details(one) == Some(wanted)));
    found.retain(|one| details(one) == wanted);
}

/// The notification with this key.
pub(crate) fn find_by_id(
    connection: &mut AnyConnection,
    id: NotificationId,
    clock: NaiveDateTime,
) -> QueryResult<Candidate> {
    let row: NotificationRow =
        notifications::table.find(id).select(NotificationRow::as_select()).first(connection)?;
    Candidate::new(row, clock)
}

/// The notifications of this kind and event whose messages had no `message_id`. Written so that SQLite finds them by the
/// event: for `message_key IS NULL` it expects one row, as for any key, and would read all notifications without a key (2 ms
/// at 5,000).
#[diesel::dsl::auto_type]
pub(crate) fn without_message_id(event_id: i64, kind: Kind) -> _ {
    let (kind, channel): (&'static str, &'static str) = (kind.as_str(), ChannelName::Email.as_str());
    notifications::table
        .filter(notifications::event_id.eq(event_id))
        .filter(notifications::kind.eq(kind))
        .filter(notifications::channel.eq(channel))
        .filter(not(notifications::message_key.is_not_null()))
}

/// The same for an event whose key is text.
#[diesel::dsl::auto_type]
fn of_text_without_message_id(event_key: String, kind: Kind) -> _ {
    let (kind, channel): (&'static str, &'static str) = (kind.as_str(), ChannelName::Email.as_str());
    notifications::table
        .filter(notifications::event_key.eq(event_key))
        .filter(notifications::kind.eq(kind))
        .filter(notifications::channel.eq(channel))
        .filter(not(notifications::message_key.is_not_null()))
}

/// The same for those that a digest tells.
#[diesel::dsl::auto_type]
fn of_digest(digest: String) -> _ {
    let channel: &'static str = ChannelName::Email.as_str();
    notifications::table
        .filter(notifications::content_digest.eq(digest))
        .filter(notifications::channel.eq(channel))
        .filter(not(notifications::message_key.is_not_null()))
}
