//! Texts of the ledger that have an address in them: what messages carry, the events as they were told, reasons, and the words of relays, also
//! about other recipients. Reads each table once; texts on the lists of recipients are left to `found_places`.

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool, Nullable, Text};

use crate::domain::ids::{NotificationId, ParticipantId};
use crate::domain::written_address::WrittenAddress;
use crate::store::Store;
use crate::store::backend::any::AnyConnection;
use crate::store::backend::statement::Statement;
use crate::store::error::StoreError;
use crate::store::person::{Place, ROWS_PER_PAGE};
use crate::store::schema::{deferrals, deliveries, notifications};

/// A table with such texts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MentionTable {
    /// `notifications`
    Notifications,
    /// `deliveries`
    Outcomes,
    /// `deferrals`
    Deferrals,
}

/// A column with such texts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MentionColumn {
    /// `message_key`: the `message_id` of the message.
    MessageKey,
    /// `content`: what the message carries.
    Content,
    /// `event_snapshot`: the event as it was told.
    EventSnapshot,
    /// `reason`: why it is set aside or abandoned.
    Reason,
    /// `detail`: the relay's words, or ours.
    Detail,
}

/// A text with the address in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mention {
    /// The table.
    pub table: MentionTable,
    /// The column.
    pub column: MentionColumn,
    /// The notification.
    pub notification_id: NotificationId,
    /// The recipient, if it is about one.
    pub participant_id: Option<ParticipantId>,
    /// The text.
    pub text: String,
    /// The text without the address; `None` if it has to stay: the message may come again, and is known by it.
    pub erased: Option<String>,
}

/// Such texts of some rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MentionPage {
    /// Them.
    pub mentions: Vec<Mention>,
    /// The last row that was looked at; `None` if no row is behind those before.
    pub last: Option<Place>,
}

impl MentionTable {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Notifications, Self::Outcomes, Self::Deferrals];

    /// Its name in the database.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Notifications => "notifications",
            Self::Outcomes => "deliveries",
            Self::Deferrals => "deferrals",
        }
    }
}

impl MentionColumn {
    /// Its name in the database.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::MessageKey => "message_key",
            Self::Content => "content",
            Self::EventSnapshot => "event_snapshot",
            Self::Reason => "reason",
            Self::Detail => "detail",
        }
    }
}

impl Store {
    /// The texts with the address behind a row of the table.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn find_mentions(
        &self,
        address: &WrittenAddress,
        table: MentionTable,
        after: Place,
    ) -> Result<MentionPage, StoreError> {
        self.run("look for an address in texts", |connection| match table {
            MentionTable::Notifications => find_in_notifications(connection, address, after.notification_id),
            MentionTable::Outcomes | MentionTable::Deferrals => {
                find_in_details(connection, address, table, after)
            }
        })
    }
}

/// Key, `message_key`, whether it is acked, whether a digest tells its message, `content`, `event_snapshot` and `reason`.
type Columns = (BigInt, Nullable<Text>, Bool, Bool, Nullable<Text>, Nullable<Text>, Nullable<Text>);
type Values = (NotificationId, Option<String>, bool, bool, Option<String>, Option<String>, Option<String>);

fn find_in_notifications(
    connection: &mut AnyConnection,
    address: &WrittenAddress,
    after: NotificationId,
) -> QueryResult<MentionPage> {
    let patterns = address.patterns();
    let mut statement = Statement::<Columns>::new(
        "SELECT id, message_key, acked_at IS NOT NULL, content_digest IS NOT NULL, content, event_snapshot, reason
            FROM notifications WHERE id > ",
    )
    .number(after.0)
    .sql(" AND (1 = 0");
    for pattern in &patterns {
        for column in ["LOWER(message_key)", "LOWER(content)", "LOWER(event_snapshot)", "LOWER(reason)"] {
            statement = statement.sql(" OR ").sql(column).sql(" LIKE ").text(pattern);
        }
    }
    let rows: Vec<Values> =
        statement.sql(") ORDER BY id LIMIT ").number(ROWS_PER_PAGE.into()).load(connection)?;
    let last = rows.last().map(|row| Place { notification_id: row.0, participant_id: ParticipantId::MAX });
    Ok(MentionPage {
        mentions: rows.into_iter().flat_map(|row| in_notification(address, row)).collect(),
        last,
    })
}

fn in_notification(
    address: &WrittenAddress,
    (id, message_key, is_acked, has_digest, content, snapshot, reason): Values,
) -> Vec<Mention> {
    let mention = |column, text, erased| Mention {
        table: MentionTable::Notifications,
        column,
        notification_id: id,
        participant_id: None,
        text,
        erased,
    };
    let mut mentions = Vec::new();
    // Else a message that comes again is taken for another one, and everyone is mailed twice.
    let is_told_by_content = message_key.is_none() && !has_digest && !is_acked;
    if let Some(key) = message_key.filter(|key| address.is_in(key)) {
        mentions.push(mention(MentionColumn::MessageKey, key, is_acked.then(|| format!("erased-{id}"))));
    }
    for (column, json, stays) in [
        (MentionColumn::Content, content, is_told_by_content),
        (MentionColumn::EventSnapshot, snapshot, false),
    ] {
        if let Some(json) = json
            && let Some(erased) = address.erase_in_json(&json)
        {
            mentions.push(mention(column, json, (!stays).then_some(erased)));
        }
    }
    if let Some(reason) = reason
        && let Some(erased) = address.erase(&reason)
    {
        mentions.push(mention(MentionColumn::Reason, reason, Some(erased)));
    }
    mentions
}

fn find_in_details(
    connection: &mut AnyConnection,
    address: &WrittenAddress,
    table: MentionTable,
    after: Place,
) -> QueryResult<MentionPage> {
    let [pattern, encoded] = address.patterns();
    let Place { notification_id, participant_id } = after;
    let rows: Vec<(NotificationId, ParticipantId, String)> =
        Statement::<(BigInt, BigInt, Text)>::new("SELECT notification_id, participant_id, detail FROM ")
            .sql(table.name())
            .sql(" WHERE (notification_id > ")
            .number(notification_id.0)
            .sql(" OR (notification_id = ")
            .number(notification_id.0)
            .sql(" AND participant_id > ")
            .number(participant_id.0)
            .sql(")) AND (LOWER(detail) LIKE ")
            .text(&pattern)
            .sql(" OR LOWER(detail) LIKE ")
            .text(&encoded)
            .sql(") ORDER BY notification_id, participant_id LIMIT ")
            .number(ROWS_PER_PAGE.into())
            .load(connection)?;
    let last = rows.last().map(|row| Place { notification_id: row.0, participant_id: row.1 });
    let mention = |(notification_id, participant_id, text): (NotificationId, ParticipantId, String)| {
        let erased = address.erase(&text)?;
        let (participant_id, column) = (Some(participant_id), MentionColumn::Detail);
        Some(Mention { table, column, notification_id, participant_id, text, erased: Some(erased) })
    };
    Ok(MentionPage { mentions: rows.into_iter().filter_map(mention).collect(), last })
}

/// Takes the address out of the text, unless the text is another one by now. Returns how many rows were changed.
pub(crate) fn erase_mention(connection: &mut AnyConnection, mention: &Mention) -> QueryResult<usize> {
    let Mention { table, column, notification_id, participant_id, text, erased: Some(erased) } = mention
    else {
        return Ok(0);
    };
    macro_rules! replace_in_notification {
        ($column:ident) => {
            diesel::update(notifications::table.find(notification_id).filter(notifications::$column.eq(text)))
                .set(notifications::$column.eq(erased))
                .execute(connection)
        };
    }
    macro_rules! replace_detail {
        ($table:ident) => {{
            let row = $table::table
                .filter($table::notification_id.eq(notification_id))
                .filter($table::participant_id.eq(participant_id.unwrap_or(ParticipantId::MIN)))
                .filter($table::detail.eq(text));
            diesel::update(row).set($table::detail.eq(erased)).execute(connection)
        }};
    }
    match (table, column) {
        (MentionTable::Outcomes, _) => replace_detail!(deliveries),
        (MentionTable::Deferrals, _) => replace_detail!(deferrals),
        (_, MentionColumn::MessageKey) => replace_in_notification!(message_key),
        (_, MentionColumn::Content) => replace_in_notification!(content),
        (_, MentionColumn::EventSnapshot) => replace_in_notification!(event_snapshot),
        (_, MentionColumn::Reason | MentionColumn::Detail) => replace_in_notification!(reason),
    }
}
