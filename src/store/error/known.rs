//! Causes that are known by the words of the database systems, which have no other language in common: whether
//! waiting helps, and the cure. A server that speaks another language than English is not understood here.

/// A cause that is known.
pub struct Known {
    /// Parts of what the database says, all of them.
    words: &'static [&'static str],
    /// Whether it may be over by itself.
    pub passing: bool,
    /// What helps.
    pub cure: &'static str,
}

/// The first that fits.
pub fn find(cause: &str) -> Option<&'static Known> {
    KNOWN.iter().find(|known| known.words.iter().all(|words| cause.contains(words)))
}

/// It may be over by itself.
const fn passing(words: &'static [&'static str], cure: &'static str) -> Known {
    Known { words, passing: true, cure }
}

/// Somebody has to change something.
const fn lasting(words: &'static [&'static str], cure: &'static str) -> Known {
    Known { words, passing: false, cure }
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
static KNOWN: &[Known] = &[
    passing(
        &["database is locked"],
        "another program has been writing to the file for long; let it finish, or end it",
    ),
    passing(&["database or disk is full"], "free space on the disk of the file"),
    lasting(
        &["readonly database"],
        "let this user write to the file and to its directory, where SQLite keeps its -wal and -shm files",
    ),
    lasting(&["file is not a database"], "DATABASE_URL names a file of another kind; name another file"),
    lasting(
        &["unable to open"],
        "check that DATABASE_URL names a file, and that this user may write to it and to its directory",
    ),
    lasting(&["no such table"], MIGRATE),
    lasting(&["no such column"], COLUMN),
    passing(
        &["disk I/O error"],
        "look into the system's log for trouble with the disk, and that the file is still there",
    ),
    lasting(
        &["malformed"],
        "the file is damaged; restore it from a backup, and do not copy it while fanmail runs",
    ),
    // Servers: TLS.
    lasting(&["server does not support SSL"], TLS),
    lasting(&["TLS is required by ssl_mode"], TLS),
    lasting(&["SSL is required, but the server does not support it"], TLS),
    lasting(&["certificate verify failed"], CERTIFICATE),
    lasting(&["Certificate verification failure"], CERTIFICATE),
    lasting(&["self-signed certificate"], CERTIFICATE),
    lasting(&["server certificate for"], CERTIFICATE),
    lasting(&["root certificate file"], CERTIFICATE),
    lasting(&["TLS/SSL error: No such file"], CERTIFICATE),
    // Logging in.
    lasting(&["password authentication failed"], LOGIN),
    lasting(&["no password supplied"], LOGIN),
    lasting(&["pg_hba.conf"], LOGIN),
    lasting(&["role ", " does not exist"], LOGIN),
    lasting(
        &["Access denied for user", "to database"],
        "grant the user of DATABASE_URL all rights on that database",
    ),
    lasting(&["Access denied for user"], LOGIN),
    lasting(&["FATAL:", "database ", " does not exist"], NO_DATABASE),
    lasting(&["Unknown database"], NO_DATABASE),
    lasting(
        &["Authentication plugin"],
        "install the plugins of the client library (Debian: libmariadb3), or let the user log in with a password",
    ),
    lasting(
        &["invalid connection option"],
        "remove it from DATABASE_URL, or update PostgreSQL's client library",
    ),
    passing(&["too many clients"], MANY),
    passing(&["remaining connection slots"], MANY),
    passing(&["too many connections"], MANY),
    passing(&["Too many connections"], MANY),
    // Away.
    passing(&["the database system is"], "wait until it is ready"),
    passing(&["Connection refused"], START),
    passing(&["timeout expired"], START),
    passing(&["No route to host"], START),
    passing(&["Network is unreachable"], START),
    passing(&["Can't connect to"], START),
    passing(&["could not translate host name"], NAME),
    passing(&["Unknown", "server host"], NAME),
    passing(&["server closed the connection"], LOST),
    passing(&["terminating connection"], LOST),
    passing(&["could not receive data"], LOST),
    passing(&["gone away"], LOST),
    passing(&["Lost connection"], LOST),
    // At work.
    passing(
        &["cached plan must not change"],
        "a table or view was changed; it is read as it is now the next time",
    ),
    passing(&["lock timeout"], LOCK),
    passing(&["Lock wait timeout"], LOCK),
    passing(&["No space left on device"], DISK),
    passing(&["The table '", "is full"], DISK),
    lasting(&["read-only"], READ_ONLY),
    lasting(&["permission denied for"], DENIED),
    lasting(&["command denied to user"], DENIED),
    lasting(&["relation ", " does not exist"], MIGRATE),
    lasting(&["Table '", "' doesn't exist"], MIGRATE),
    lasting(&["column ", " does not exist"], COLUMN),
    lasting(&["Unknown column"], COLUMN),
    // The pool had no cause to tell.
    passing(&["timed out waiting for connection"], SILENT),
];
