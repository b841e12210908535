//! The database, read and changed without fanmail: what the ledger contains.

use std::sync::OnceLock;

use chrono::NaiveDateTime;
use diesel::connection::SimpleConnection as _;
use diesel::sql_types::{BigInt, Bool, Integer, Nullable, Text, Timestamp};
use diesel::{Connection as _, QueryableByName, RunQueryDsl as _, sql_query};

use crate::ledger::connection::AnyConnection;
use crate::scenario::DOMAIN;

pub mod copy;
pub mod people;
pub mod transaction;

mod connection;

/// A database of fanmail.
pub struct Ledger {
    url: String,
    installation: OnceLock<Installation>,
}

/// The row of `installation`.
#[derive(QueryableByName)]
struct Installation {
    #[diesel(sql_type = Text)]
    id: String,
    #[diesel(sql_type = BigInt)]
    untagged_up_to: i64,
}

/// A row of `notifications`.
#[derive(Debug, QueryableByName)]
pub struct NotificationRow {
    /// Its id.
    #[diesel(sql_type = BigInt)]
    pub id: i64,
    /// The AMQP `message_id`.
    #[diesel(sql_type = Nullable<Text>)]
    pub message_key: Option<String>,
    /// CREATED, UPDATED or CANCELLED.
    #[diesel(sql_type = Text)]
    pub kind: String,
    /// The id of its event; 0 if that is text.
    #[diesel(sql_type = BigInt)]
    pub event_id: i64,
    /// `running` or `completed`.
    #[diesel(sql_type = Text)]
    pub state: String,
    /// Whether `completed_at` is set.
    #[diesel(sql_type = Bool)]
    pub completed: bool,
    /// Whether `acked_at` is set.
    #[diesel(sql_type = Bool)]
    pub acked: bool,
}

/// A row of `deliveries`.
#[derive(Debug, QueryableByName)]
pub struct DeliveryRow {
    /// The id of its notification.
    #[diesel(sql_type = BigInt)]
    pub notification_id: i64,
    /// The id of its participant.
    #[diesel(sql_type = BigInt)]
    pub participant_id: i64,
    /// The address of the participant, or of the recipient of a notice; `None` when the participant is gone or has no address.
    #[diesel(sql_type = Nullable<Text>)]
    pub email: Option<String>,
    /// `sent`, `failed` or `skipped`.
    #[diesel(sql_type = Text)]
    pub status: String,
    /// Number of attempts.
    #[diesel(sql_type = Integer)]
    pub attempts: i32,
    /// The last reply code of the relay.
    #[diesel(sql_type = Nullable<Integer>)]
    pub smtp_code: Option<i32>,
    /// The reason.
    #[diesel(sql_type = Nullable<Text>)]
    pub detail: Option<String>,
}

#[derive(QueryableByName)]
struct Count {
    #[diesel(sql_type = BigInt)]
    count: i64,
}

impl Ledger {
    /// The database with this URL. A path is a SQLite file.
    pub fn new(url: &str) -> Self {
        Self { url: url.to_owned(), installation: OnceLock::new() }
    }

    /// The version of the SQLite that is compiled into fanmail and into the tests.
    pub fn sqlite_version() -> String {
        #[derive(QueryableByName)]
        struct Row {
            #[diesel(sql_type = Text)]
            version: String,
        }
        let rows: Vec<Row> =
            sql_query("SELECT sqlite_version() AS version").load(&mut Self::new(":memory:").open()).unwrap();
        rows[0].version.clone()
    }

    fn open(&self) -> AnyConnection {
        let mut connection = AnyConnection::establish(&self.url).unwrap();
        match &mut connection {
            AnyConnection::Sqlite(sqlite) => sqlite.batch_execute("PRAGMA busy_timeout = 10000").unwrap(),
            #[cfg(any(feature = "mysql", feature = "postgres"))]
            _ => {}
        }
        connection
    }

    /// Runs statements as an application would.
    pub fn execute(&self, statements: &str) {
        self.open().batch_execute(statements).unwrap();
    }

    /// The number of rows of a table, with an optional WHERE.
    pub fn count(&self, from_where: &str) -> usize {
        let rows: Vec<Count> =
            sql_query(format!("SELECT count(*) AS count FROM {from_where}")).load(&mut self.open()).unwrap();
        usize::try_from(rows[0].count).unwrap()
    }

    /// Number of outcomes with this status.
    pub fn outcomes(&self, status: &str) -> usize {
        self.count(&format!("deliveries WHERE status = '{status}'"))
    }

    /// The sum of the attempts of all outcomes.
    pub fn attempts(&self) -> usize {
        let rows: Vec<Count> = sql_query("SELECT coalesce(sum(attempts), 0) AS count FROM deliveries")
            .load(&mut self.open())
            .unwrap();
        usize::try_from(rows[0].count).unwrap()
    }

    /// Number of completed notifications.
    pub fn completed(&self) -> usize {
        self.count("notifications WHERE state = 'completed'")
    }

    /// A connection that stays open, for frequent queries.
    pub fn poll(&self) -> LedgerPoll {
        LedgerPoll(self.open())
    }

    /// Empties the ledger, and leaves no cleanup for a later transaction.
    pub fn clear(&self) {
        let mut connection = self.open();
        let statements = match &connection {
            AnyConnection::Sqlite(_) => {
                "DELETE FROM deliveries; DELETE FROM notifications; PRAGMA wal_checkpoint(TRUNCATE)"
            }
            #[cfg(feature = "postgres")]
            AnyConnection::Postgresql(_) => "TRUNCATE deliveries, notifications",
            #[cfg(feature = "mysql")]
            AnyConnection::Mariadb(_) => "DELETE FROM deliveries; DELETE FROM notifications",
        };
        connection.batch_execute(statements).unwrap();
    }

    /// All notifications, oldest first.
    pub fn notifications(&self) -> Vec<NotificationRow> {
        sql_query(
            "SELECT id, message_key, kind, COALESCE(event_id, 0) AS event_id, state, completed_at IS NOT NULL AS completed, \
             acked_at IS NOT NULL AS acked FROM notifications ORDER BY id",
        )
        .load(&mut self.open())
        .unwrap()
    }

    /// All outcomes.
    pub fn deliveries(&self) -> Vec<DeliveryRow> {
        sql_query(
            "SELECT d.notification_id, d.participant_id, COALESCE(r.email, p.email) AS email, d.status, d.attempts, \
             d.smtp_code, d.detail FROM deliveries d LEFT JOIN participants p ON p.id = d.participant_id \
             LEFT JOIN recipients r ON r.notification_id = d.notification_id AND r.id = d.participant_id \
             ORDER BY d.notification_id, d.participant_id",
        )
        .load(&mut self.open())
        .unwrap()
    }

    /// The Message-ID of a mail, the same on each attempt.
    pub fn message_id(&self, notification: i64, participant: i64) -> String {
        let installation = self.installation.get_or_init(|| {
            let statement = sql_query("SELECT id, untagged_up_to FROM installation");
            statement.get_result(&mut self.open()).unwrap()
        });
        let tag = if notification > installation.untagged_up_to {
            format!(".{}", installation.id)
        } else {
            String::new()
        };
        format!("<n{notification}.p{participant}{tag}@{DOMAIN}>")
    }
}

/// A connection to the ledger that stays open.
pub struct LedgerPoll(AnyConnection);

impl LedgerPoll {
    /// The time of the last ack in UTC, once this number of notifications is acked.
    pub fn acked(&mut self, notifications: usize) -> Option<NaiveDateTime> {
        let (count, last) = self.acks();
        last.filter(|_| usize::try_from(count) == Ok(notifications))
    }

    /// The time of the last ack in UTC.
    pub fn last_ack(&mut self) -> Option<NaiveDateTime> {
        self.acks().1
    }

    /// When the queue had work, in UTC, as far as the ledger knows it, in the order of time.
    pub fn work(&mut self) -> Vec<NaiveDateTime> {
        #[derive(QueryableByName)]
        struct Row {
            #[diesel(sql_type = Timestamp)]
            at: NaiveDateTime,
        }
        let columns = ["received_at", "delivered_at", "completed_at", "acked_at"];
        let of_column =
            |column| format!("SELECT {column} AS at FROM notifications WHERE {column} IS NOT NULL");
        let rows: Vec<Row> = sql_query(format!("{} ORDER BY at", columns.map(of_column).join(" UNION ALL ")))
            .load(&mut self.0)
            .unwrap();
        rows.into_iter().map(|row| row.at).collect()
    }

    /// How many notifications are acked, and the time of the last ack.
    fn acks(&mut self) -> (i64, Option<NaiveDateTime>) {
        #[derive(QueryableByName)]
        struct Row {
            #[diesel(sql_type = BigInt)]
            count: i64,
            #[diesel(sql_type = Nullable<Timestamp>)]
            last: Option<NaiveDateTime>,
        }
        let rows: Vec<Row> =
            sql_query("SELECT count(acked_at) AS count, max(acked_at) AS last FROM notifications")
                .load(&mut self.0)
                .unwrap();
        (rows[0].count, rows[0].last)
    }

    /// Whether a notification of the event is completed.
    pub fn completed(&mut self, event: i64) -> bool {
        let statement =
            format!("SELECT count(completed_at) AS count FROM notifications WHERE event_id = {event}");
        let rows: Vec<Count> = sql_query(statement).load(&mut self.0).unwrap();
        rows[0].count > 0
    }
}
