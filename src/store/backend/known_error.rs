//! An error that is known by its words: whether waiting helps, and what the reader can do. The words of each database
//! stand in its folder; here are the words that no database has for itself, and hints that databases share.

/// A cause that is known.
pub struct KnownError {
    /// Parts of the cause, all of which it has.
    words: &'static [&'static str],
    /// Whether it may be over by itself. Otherwise the configuration or the database must be changed.
    pub is_transient: bool,
    /// Whether this fanmail cannot use the database as it is.
    pub is_misconfiguration: bool,
    /// Whether it is about a table or a view, and the database works.
    pub is_about_table: bool,
    /// What the reader can do about it.
    pub hint: &'static str,
}

impl KnownError {
    /// It may be over by itself.
    pub const fn transient(words: &'static [&'static str], hint: &'static str) -> Self {
        Self { words, is_transient: true, is_misconfiguration: false, is_about_table: false, hint }
    }

    /// It stays until the configuration or the database is changed.
    pub const fn permanent(words: &'static [&'static str], hint: &'static str) -> Self {
        Self { words, is_transient: false, is_misconfiguration: false, is_about_table: false, hint }
    }

    /// The same, and it is about a table or a view: others can be read.
    pub const fn about_table(words: &'static [&'static str], hint: &'static str) -> Self {
        Self { is_about_table: true, ..Self::permanent(words, hint) }
    }

    /// It stays, and this fanmail cannot use the database as it is.
    pub const fn misconfiguration(words: &'static [&'static str], hint: &'static str) -> Self {
        Self { is_misconfiguration: true, ..Self::permanent(words, hint) }
    }

    /// Whether `cause` is this error.
    pub fn matches(&self, cause: &str) -> bool {
        self.words.iter().all(|words| cause.contains(words))
    }
}

/// Tables are missing.
pub const MIGRATE: &str = "run `fanmail migrate`";
/// A table of the application is missing.
pub const OWN_TABLES: &str = "for tables of your own, first make the views events and participants (README, \"Your first \
                              people\"), then run `fanmail migrate`; otherwise only run `fanmail migrate`";
/// The table of users is missing, which only some messages need.
pub const USERS: &str = "notices to user ids need a table or view users(id, email, name, locale): docs/tables.md, \"User ids\", \
                         shows one";
/// A column is missing.
pub const COLUMN: &str = "a view of your own must have every column that fanmail reads; if fanmail made the table, run `fanmail migrate`";

/// Nothing listens there.
pub const START: &str = "start the database server, or correct host and port in DATABASE_URL";
/// The disk is full.
pub const DISK: &str = "free space on the disk of the database";

/// Hints about servers.
#[cfg(any(feature = "mysql", feature = "postgres"))]
pub mod server {
    /// The name of the host is unknown.
    pub const NAME: &str = "correct the host in DATABASE_URL, or repair the name resolution of this machine";
    /// An open connection is gone.
    pub const LOST: &str = "the server was stopped or restarted, or the network failed";
    /// The server has too many connections.
    pub const MANY: &str = "let the server allow more connections (max_connections), or give fewer to other \
                            programs; a worker takes up to 10";
    /// The login is refused.
    pub const LOGIN: &str = "correct user and password in DATABASE_URL (@ : / ? # % are written %40 %3A %2F %3F %23 \
                             %25), or let the server allow the login";
    /// The server has no such database.
    pub const NO_DATABASE: &str = "create it, or correct the name in DATABASE_URL";
    /// The certificate of the server is not trusted.
    pub const CERTIFICATE: &str = "name the file of the certificate authority that signed it in DATABASE_URL: \
                                   sslrootcert (PostgreSQL) or ssl_ca (MySQL), and the host as the certificate does";
    /// The server is a replica.
    pub const READ_ONLY: &str = "DATABASE_URL must name a server that can be written to, not a replica";
    /// Two transactions waited for each other, again and again.
    pub const DEADLOCK: &str =
        "it is tried again; if it stays, another program locks the same rows in another order";
    /// A statement was ended before its end.
    pub const INTERRUPTED: &str = "a time limit of the server or an administrator has ended the statement; raise the \
                                   limit, or make the table or view quicker";
    /// A lock was not granted in time.
    pub const LOCK: &str = "another program holds locks for a long time; let it finish, or end it";
    /// The user lacks a right.
    pub const DENIED: &str = "let the user of DATABASE_URL own the tables, or grant it the right to use them";
}

/// Words of the operating system and of the pool, which come after those of the databases.
pub const COMMON: &[KnownError] = &[
    KnownError::misconfiguration(
        &["reads wrong data"],
        "install another version of the client library; nothing is read or mailed with this one",
    ),
    KnownError::transient(&["Connection refused"], START),
    KnownError::transient(&["No route to host"], START),
    KnownError::transient(&["Network is unreachable"], START),
    KnownError::transient(&["No space left on device"], DISK),
    KnownError::transient(
        &["another worker has changed a row that was read"],
        "several workers do the same; it is tried again",
    ),
    KnownError::transient(&["out of memory"], "give the database more memory"),
    // The pool knows no cause.
    KnownError::transient(
        &["timed out waiting for connection"],
        "start the database server, or end the program that holds locks there",
    ),
];
