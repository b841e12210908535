//! Queries over the application's tables, which may hold what cannot be read: they are repeated while the database does not work,
//! and given up when it is their own data that fails. What follows for a notification is left to `fan_out`.
//!
//! A view may raise any error for a row, also that of a deadlock or of a lost connection. So when a query fails as if the database did
//! not work, the database is asked whether it does.

use crate::store::Store;
use crate::store::error::StoreError;
use crate::worker::database_retry::{DatabaseRetry, Stopped};

/// After how many failures in a row a query is given up.
#[derive(Debug, Clone, Copy)]
struct Tries {
    /// Failures over what it has to read.
    unreadable: u32,
    /// Failures as if the database did not work, while the database works.
    raised: u32,
}

/// The cause is not one that lasts a moment. Real deadlocks and restarts are over after six tries.
const SEVERAL: Tries = Tries { unreadable: 3, raised: 6 };

/// For parts of what has failed a few times.
const ONE: Tries = Tries { unreadable: 1, raised: 1 };

impl DatabaseRetry {
    /// Repeats a query over the application's tables until it succeeds, or has failed a few times over what it has to read
    /// ([`StoreError::is_unreadable`]), and returns either. As long as the database does not work, it is repeated.
    ///
    /// # Errors
    /// When a shutdown is requested first.
    pub fn while_readable<T>(
        &self,
        mut query: impl FnMut() -> Result<T, StoreError>,
    ) -> Result<Result<T, StoreError>, Stopped> {
        self.retry_while_readable(SEVERAL, &mut query, || self.database_answers())
    }

    /// The same for a query that also writes. `read` is what it reads of the application's tables, alone: a database with a full disk
    /// answers, and a row that fails like an outage fails without the rest of the query too.
    ///
    /// # Errors
    /// When a shutdown is requested first.
    pub fn while_readable_to_write<T, R>(
        &self,
        mut query: impl FnMut() -> Result<T, StoreError>,
        mut read: impl FnMut() -> Result<R, StoreError>,
    ) -> Result<Result<T, StoreError>, Stopped> {
        let mut read_fails = || read().is_err() && self.database_answers();
        self.retry_while_readable(SEVERAL, &mut query, &mut read_fails)
    }

    /// The same, but the first failure over what it has to read is returned: for parts of what has failed a few times.
    ///
    /// # Errors
    /// When a shutdown is requested first.
    pub fn if_readable<T>(
        &self,
        mut query: impl FnMut() -> Result<T, StoreError>,
    ) -> Result<Result<T, StoreError>, Stopped> {
        self.retry_while_readable(ONE, &mut query, || self.database_answers())
    }

    fn retry_while_readable<T>(
        &self,
        tries: Tries,
        mut query: impl FnMut() -> Result<T, StoreError>,
        mut is_raised: impl FnMut() -> bool,
    ) -> Result<Result<T, StoreError>, Stopped> {
        let mut attempt = self.begin();
        let (mut unreadable, mut raised) = (0, 0);
        loop {
            match attempt.once(&mut query) {
                // The caller tells of it, if it lasts.
                Err(error) if error.is_unreadable() => {
                    unreadable += 1;
                    attempt.failures += 1;
                    if unreadable >= tries.unreadable {
                        // The database has answered.
                        attempt.withdraw();
                        return Ok(Err(error));
                    }
                }
                Err(error) if is_raised() => {
                    raised += 1;
                    attempt.failures += 1;
                    if raised >= tries.raised {
                        attempt.withdraw();
                        return Ok(Err(error));
                    }
                }
                Err(error) => {
                    (unreadable, raised) = (0, 0);
                    attempt.failed(&error);
                }
                result => return Ok(result),
            }
            if self.shutdown.wait(attempt.pause()) {
                return Err(Stopped);
            }
        }
    }

    /// Whether the database works as far as one statement tells, although another one has failed.
    pub(in crate::worker) fn database_answers(&self) -> bool {
        self.store.as_ref().is_some_and(Store::answers)
    }
}
