//! Causes that are known by the words of the database systems, which have no other language in common: whether
//! waiting helps, and the cure. A server that speaks another language than English is not understood here.

/// A cause that is known.
pub struct KnownError {
    /// Parts of what the database says, all of them.
    words: &'static [&'static str],
    /// Whether it may be over by itself.
    pub transient: bool,
    /// What helps.
    pub hint: &'static str,
}

/// The first that fits.
pub fn find(cause: &str) -> Option<&'static KnownError> {
    KNOWN.iter().find(|known| known.words.iter().all(|words| cause.contains(words)))
}

/// It may be over by itself.
const fn transient(words: &'static [&'static str], hint: &'static str) -> KnownError {
    KnownError { words, transient: true, hint }
}

/// Somebody has to change something.
const fn permanent(words: &'static [&'static str], hint: &'static str) -> KnownError {
    KnownError { words, transient: false, hint }
}

const START: &str = "start the database server, or correct host and port in DATABASE_URL";
const SILENT: &str = "start the database server, or end the program that holds locks there";
const NAME: &str = "correct the host in DATABASE_URL, or mend the name service of this machine";
const LOST: &str = "the server was stopped or restarted, or the network failed";
const MANY: &str = "let the server allow more connections (max_connections), or give fewer to other programs; a \
                    worker takes up to 10";
const LOGIN: &str = "correct user and password in DATABASE_URL (@ : / ? # % are written %40 %3A %2F %3F %23 %25), \
                     or let the server allow the login";
const NO_DATABASE: &str = "create it, or correct the name in DATABASE_URL";
const TLS: &str =
    "give the server TLS, or ask for less with sslmode (PostgreSQL) or ssl_mode (MySQL) in DATABASE_URL";
const CERTIFICATE: &str = "name the file of the authority that signed it in DATABASE_URL: sslrootcert (PostgreSQL) \
                           or ssl_ca (MySQL), and the host as the certificate does";
const READ_ONLY: &str = "DATABASE_URL has to name a server that can be written to, not a replica";
const DISK: &str = "free space on the disk of the database";
const LOCK: &str = "another program holds locks for long; let it finish, or end it";
const DENIED: &str = "let the user of DATABASE_URL own the tables, or grant it the right to use them";
const MIGRATE: &str = "run `fanmail migrate`";
const COLUMN: &str = "run `fanmail migrate`; a view of your own must have every column that fanmail reads";

/// Words of SQLite (<https://www.sqlite.org/rescode.html>), `PostgreSQL` and its client library, and those of `MySQL` and
/// `MariaDB`.
static KNOWN: &[KnownError] = &[
    transient(
        &["database is locked"],
        "another program has been writing to the file for long; let it finish, or end it",
    ),
    transient(&["database or disk is full"], "free space on the disk of the file"),
    permanent(
        &["readonly database"],
        "let this user write to the file and to its directory, where SQLite keeps its -wal and -shm files",
    ),
    permanent(&["file is not a database"], "DATABASE_URL names a file of another kind; name another file"),
    permanent(
        &["unable to open"],
        "check that DATABASE_URL names a file, and that this user may write to it and to its directory",
    ),
    permanent(&["no such table"], MIGRATE),
    permanent(&["no such column"], COLUMN),
    transient(
        &["disk I/O error"],
        "look into the system's log for trouble with the disk, and that the file is still there",
    ),
    permanent(
        &["malformed"],
        "the file is damaged; restore it from a backup, and do not copy it while fanmail runs",
    ),
    // Servers: TLS.
    permanent(&["server does not support SSL"], TLS),
    permanent(&["TLS is required by ssl_mode"], TLS),
    permanent(&["SSL is required, but the server does not support it"], TLS),
    permanent(&["certificate verify failed"], CERTIFICATE),
    permanent(&["Certificate verification failure"], CERTIFICATE),
    permanent(&["self-signed certificate"], CERTIFICATE),
    permanent(&["server certificate for"], CERTIFICATE),
    permanent(&["root certificate file"], CERTIFICATE),
    permanent(&["TLS/SSL error: No such file"], CERTIFICATE),
    // Logging in.
    permanent(&["password authentication failed"], LOGIN),
    permanent(&["no password supplied"], LOGIN),
    permanent(&["pg_hba.conf"], LOGIN),
    permanent(&["role ", " does not exist"], LOGIN),
    permanent(
        &["Access denied for user", "to database"],
        "grant the user of DATABASE_URL all rights on that database",
    ),
    permanent(&["Access denied for user"], LOGIN),
    permanent(&["FATAL:", "database ", " does not exist"], NO_DATABASE),
    permanent(&["Unknown database"], NO_DATABASE),
    permanent(
        &["Authentication plugin"],
        "install the plugins of the client library (Debian: libmariadb3), or let the user log in with a password",
    ),
    permanent(
        &["invalid connection option"],
        "remove it from DATABASE_URL, or update PostgreSQL's client library",
    ),
    transient(&["too many clients"], MANY),
    transient(&["remaining connection slots"], MANY),
    transient(&["too many connections"], MANY),
    transient(&["Too many connections"], MANY),
    // Away.
    transient(&["the database system is"], "wait until it is ready"),
    transient(&["Connection refused"], START),
    transient(&["timeout expired"], START),
    transient(&["No route to host"], START),
    transient(&["Network is unreachable"], START),
    transient(&["Can't connect to"], START),
    transient(&["could not translate host name"], NAME),
    transient(&["Unknown", "server host"], NAME),
    transient(&["server closed the connection"], LOST),
    transient(&["terminating connection"], LOST),
    transient(&["could not receive data"], LOST),
    transient(&["gone away"], LOST),
    transient(&["Lost connection"], LOST),
    // At work.
    transient(
        &["cached plan must not change"],
        "a table or view was changed; it is read as it is now the next time",
    ),
    transient(&["lock timeout"], LOCK),
    transient(&["Lock wait timeout"], LOCK),
    transient(&["No space left on device"], DISK),
    transient(&["The table '", "is full"], DISK),
    permanent(&["read-only"], READ_ONLY),
    permanent(&["permission denied for"], DENIED),
    permanent(&["command denied to user"], DENIED),
    permanent(&["relation ", " does not exist"], MIGRATE),
    permanent(&["Table '", "' doesn't exist"], MIGRATE),
    permanent(&["column ", " does not exist"], COLUMN),
    permanent(&["Unknown column"], COLUMN),
    // The pool had no cause to tell.
    transient(&["timed out waiting for connection"], SILENT),
];
