//! Creates and updates the tables, and checks that the tables or views of their names have their columns.

use diesel::QueryResult;
use diesel::connection::SimpleConnection as _;
use diesel::migration::{Migration, MigrationSource as _};
use diesel::prelude::*;
use diesel::query_builder::{QueryFragment, QueryId};
use diesel::result::Error;
use diesel_migrations::MigrationHarness;

use crate::store::Store;
use crate::store::backend::any::{AnyConnection, MultiBackend};
use crate::store::backend::dispatch;
use crate::store::error::StoreError;
use crate::store::schema::{
    __diesel_schema_migrations, bounce_counts, broker_sessions, deferrals, deliveries, erasures, events,
    installation, notifications, outbox, participants, recipients, soft_bounces, suppressions, workers,
};

impl Store {
    /// Applies the migrations that are missing, and returns their names. Several processes may do this at once. A view
    /// `events` or `participants` stays.
    ///
    /// # Errors
    /// When a newer fanmail has made the tables. When another program uses the name of a new table. When the database does not
    /// answer or refuses a statement. Then nothing has changed. `MySQL` cannot roll back such statements: there, the next
    /// attempt skips what was done.
    pub fn migrate(&self) -> Result<Vec<String>, StoreError> {
        // A user without the right to change tables can run a worker while no migration is missing.
        let version = self.compare_versions()?;
        if version == TableVersion::Current {
            return Ok(Vec::new());
        }
        let applied =
            self.run("update the tables", |connection| dispatch::migrate_alone(connection, apply_pending))?;
        let applied = applied.map_err(|names| StoreError::names_in_use(&names))?;
        if version == TableVersion::Unknown {
            // It could not be read, and now it can.
            self.compare_versions()?;
        }
        Ok(applied)
    }

    /// Checks that no newer fanmail has made the tables, and that `fanmail migrate` has nothing to do. Missing
    /// tables are left to the statement that reads them.
    ///
    /// # Errors
    /// When the tables are newer or older than this binary.
    pub(super) fn check_version(&self) -> Result<(), StoreError> {
        match self.compare_versions()? {
            TableVersion::Current | TableVersion::Unknown => Ok(()),
            TableVersion::Older { found, wanted } => Err(StoreError::older_tables(&found, &wanted)),
        }
    }

    fn compare_versions(&self) -> Result<TableVersion, StoreError> {
        let applied = self.run("read the version of the tables", |connection| {
            Ok((applied_versions(connection)?, wanted_versions(connection)?))
        });
        // Without a table of migrations nothing is known; the next statement fails with the reason.
        let Ok((applied, wanted)) = applied else { return Ok(TableVersion::Unknown) };
        let newest = |versions: &[String]| versions.iter().max().cloned().unwrap_or_default();
        let (found, newest_wanted) = (newest(&applied), newest(&wanted));
        if found > newest_wanted {
            return Err(StoreError::newer_tables(&found, &newest_wanted));
        }
        if wanted.iter().all(|version| applied.contains(version)) {
            return Ok(TableVersion::Current);
        }
        Ok(if applied.is_empty() {
            TableVersion::Unknown
        } else {
            TableVersion::Older { found, wanted: newest_wanted }
        })
    }

    /// Checks with a statement that changes nothing that this user may write to the ledger.
    ///
    /// # Errors
    /// When the database refuses that, or does not answer.
    pub fn check_writable(&self) -> Result<(), StoreError> {
        self.write("write to the ledger", |connection| {
            diesel::delete(workers::table.find("")).execute(connection).map(drop)
        })
    }

    /// Checks that every table or view has the columns that fanmail uses, and keys to page by.
    ///
    /// # Errors
    /// Names all columns that are missing in a table, or says why the database does not answer.
    pub fn check_schema(&self) -> Result<(), StoreError> {
        let checked = self.check_table("events", events::table.limit(0));
        checked.map_err(|error| self.find_missing_columns(error, "events", &EVENT_COLUMNS))?;
        let checked = self.check_table("participants", participants::table.limit(0));
        checked.map_err(|error| self.find_missing_columns(error, "participants", &PARTICIPANT_COLUMNS))?;
        self.check_table("notifications", notifications::table.limit(0))?;
        self.check_table("deliveries", deliveries::table.limit(0))?;
        self.check_table("recipients", recipients::table.limit(0))?;
        self.check_table("deferrals", deferrals::table.limit(0))?;
        self.check_table("installation", installation::table.limit(0))?;
        self.check_table("broker_sessions", broker_sessions::table.limit(0))?;
        self.check_table("outbox", outbox::table.limit(0))?;
        self.check_table("workers", workers::table.limit(0))?;
        self.check_table("suppressions", suppressions::table.limit(0))?;
        self.check_table("soft_bounces", soft_bounces::table.limit(0))?;
        self.check_table("bounce_counts", bounce_counts::table.limit(0))?;
        self.check_table("erasures", erasures::table.limit(0))?;
        self.run("use events and participants", dispatch::check_types)?;
        self.find_app_keys().map(drop)
    }

    /// The error with all columns that are missing. A database names one at a time.
    pub(super) fn find_missing_columns(
        &self,
        error: StoreError,
        table: &str,
        columns: &[&'static str],
    ) -> StoreError {
        if !error.is_about_column() {
            return error;
        }
        let is_missing = |column: &&&str| {
            let query = format!("SELECT {column} FROM {table} WHERE 1 = 0");
            self.run("read a column", |connection| connection.batch_execute(&query))
                .is_err_and(|error| error.is_about_column())
        };
        let missing: Vec<&str> = columns.iter().filter(is_missing).copied().collect();
        if missing.is_empty() { error } else { StoreError::missing_columns(table, &missing, columns) }
    }

    /// Runs `nothing`, a query of all columns that finds no row.
    fn check_table<Q>(&self, name: &str, nothing: Q) -> Result<(), StoreError>
    where
        Q: QueryFragment<MultiBackend> + QueryId + RunQueryDsl<AnyConnection>,
    {
        self.run(&format!("read {name}"), |connection| nothing.execute(connection).map(drop))
    }
}

/// The columns that the application gives, perhaps by a view.
const EVENT_COLUMNS: [&str; 9] =
    ["id", "title", "description", "location", "starts_at", "ends_at", "timezone", "url", "updated_at"];
const PARTICIPANT_COLUMNS: [&str; 5] = ["id", "event_id", "email", "name", "locale"];

/// How the tables of a database compare with this binary.
#[derive(Debug, PartialEq, Eq)]
enum TableVersion {
    /// Every migration of this binary was applied.
    Current,
    /// Some were not.
    Older {
        /// The newest one that was.
        found: String,
        /// The newest one of this binary.
        wanted: String,
    },
    /// No migration was applied, or the table of migrations cannot be read.
    Unknown,
}

/// Versions are numbers of four digits. An application that uses diesel itself keeps its own, of fourteen digits, in the
/// same table.
const VERSION_DIGITS: usize = 4;

/// The migrations of fanmail that were applied, without a statement that needs more than the right to read.
fn applied_versions(connection: &mut AnyConnection) -> QueryResult<Vec<String>> {
    let versions: Vec<String> =
        __diesel_schema_migrations::table.select(__diesel_schema_migrations::version).load(connection)?;
    Ok(versions.into_iter().filter(|version| version.len() == VERSION_DIGITS).collect())
}

/// The migrations of this binary.
fn wanted_versions(connection: &AnyConnection) -> QueryResult<Vec<String>> {
    let all: Vec<Box<dyn Migration<MultiBackend>>> =
        dispatch::migrations(connection).migrations().map_err(Error::QueryBuilderError)?;
    Ok(all.iter().map(|migration| migration.name().version().to_string()).collect())
}

/// New tables with their migration and their columns. An application may use these names in the same database.
const NEW_TABLES: [(&str, &str, &[&str]); 12] = [
    (
        "0001",
        "notifications",
        &["id", "message_key", "kind", "event_id", "max_participant_id", "state", "received_at", "epoch"],
    ),
    (
        "0001",
        "deliveries",
        &["notification_id", "participant_id", "status", "attempts", "permanent", "decided_at"],
    ),
    ("0002", "workers", &["name", "started_at", "seen_at", "troubles"]),
    ("0003", "recipients", &["notification_id", "id", "user_key", "email", "name", "locale", "data"]),
    (
        "0003",
        "deferrals",
        &["notification_id", "participant_id", "tries", "next_try_at", "smtp_code", "detail"],
    ),
    ("0003", "installation", &["id", "untagged_up_to"]),
    (
        "0004",
        "broker_sessions",
        &[
            "name",
            "worker",
            "opened_at",
            "seen_at",
            "unwritten_since",
            "caught_up_at",
            "lost_at",
            "closed_at",
        ],
    ),
    (
        "0006",
        "outbox",
        &[
            "id",
            "message_id",
            "body",
            "routing_key",
            "priority",
            "not_before",
            "created_at",
            "taken_by",
            "taken_at",
            "problem",
        ],
    ),
    ("0011", "suppressions", &["address_hash", "scope", "address", "reason", "source", "created_at"]),
    ("0012", "soft_bounces", &["address_hash", "notification_id", "participant_id", "reported_at"]),
    ("0012", "bounce_counts", &["result", "number", "last_at", "last_detail"]),
    (
        "0013",
        "erasures",
        &[
            "address_hash",
            "begun_at",
            "ended_at",
            "run_by",
            "outcomes",
            "recipients",
            "notifications",
            "suppressions",
            "outbox_rows",
        ],
    ),
];

/// Applies what is missing, in order. Applies nothing if another program uses names of new tables, and returns these names.
fn apply_pending(connection: &mut AnyConnection) -> QueryResult<Result<Vec<String>, Vec<&'static str>>> {
    let all = dispatch::migrations(connection);
    let pending = connection.pending_migrations(all).map_err(Error::QueryBuilderError)?;
    let versions: Vec<String> =
        pending.iter().map(|migration| migration.name().version().to_string()).collect();
    let in_use = names_in_use(connection, &versions)?;
    if !in_use.is_empty() {
        return Ok(Err(in_use));
    }
    apply(connection, &pending).map(Ok)
}

/// The names of tables of these migrations that another program uses.
fn names_in_use(connection: &mut AnyConnection, versions: &[String]) -> QueryResult<Vec<&'static str>> {
    let mut in_use = Vec::new();
    for (version, name, columns) in NEW_TABLES {
        let is_new = versions.iter().any(|pending| pending == version);
        if is_new && dispatch::is_name_in_use(connection, name, columns)? {
            in_use.push(name);
        }
    }
    Ok(in_use)
}

fn apply(
    connection: &mut AnyConnection,
    pending: &[Box<dyn Migration<MultiBackend>>],
) -> QueryResult<Vec<String>> {
    pending
        .iter()
        .map(|migration| {
            connection.run_migration(migration).map_err(Error::QueryBuilderError)?;
            Ok(migration.name().to_string())
        })
        .collect()
}
