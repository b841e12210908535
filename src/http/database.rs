//! The database for requests: it may not be open yet, may be away, and its calls block. None of this may hold up other requests, nor
//! gather what waits without end.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use crate::store::Store;
use crate::store::error::StoreError;

/// Longest time that a request waits.
const TIMEOUT: Duration = Duration::from_secs(6);
/// Most requests that wait.
const WAITING_MAX: usize = 64;
/// Connections for requests.
const CONNECTIONS: u32 = 2;

/// The database did not answer; why stands in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unavailable;

/// The database of the process, once it is open. Cheap to clone; all clones are one.
#[derive(Debug, Clone)]
pub struct RequestDatabase {
    store: Arc<OnceLock<Store>>,
    places: Arc<Semaphore>,
    timeout: Duration,
}

impl Default for RequestDatabase {
    fn default() -> Self {
        Self { store: Arc::default(), places: Arc::new(Semaphore::new(WAITING_MAX)), timeout: TIMEOUT }
    }
}

impl RequestDatabase {
    /// From now on requests use this database, over connections of their own.
    pub fn open(&self, store: &Store) {
        // Only the first one counts.
        self.store.get_or_init(|| store.with_own_connections(CONNECTIONS));
    }

    /// The database itself, once it is open: for a thread that may wait.
    #[must_use]
    pub fn store(&self) -> Option<Store> {
        self.store.get().cloned()
    }

    /// Whether requests have one.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.store.get().is_some()
    }

    /// What the query returns.
    ///
    /// # Errors
    /// When the database is not open, is away or does not answer in time, or too many requests wait for it. A query that has begun may still
    /// come to its end.
    pub async fn ask<T: Send + 'static>(
        &self,
        query: impl FnOnce(&Store) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, Unavailable> {
        let place = Arc::clone(&self.places).try_acquire_owned().map_err(|_| Unavailable)?;
        let store = self.store.get().ok_or(Unavailable)?.clone();
        let mut asked = spawn_blocking(move || {
            let answer = query(&store);
            drop(place);
            answer
        });
        match timeout(self.timeout, &mut asked).await {
            Ok(Ok(Ok(answer))) => return Ok(answer),
            Ok(Ok(Err(error))) => log::warn!("http: a request is answered with 503: {error}"),
            Ok(Err(error)) => log::debug!("http: {error}"),
            Err(_) => {
                log::warn!("http: a request is answered with 503: the database does not answer");
                // While it waits for a thread: its answer would come too late, and the next one later still.
                asked.abort();
            }
        }
        Err(Unavailable)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::sync::mpsc;

    use tokio::runtime::Builder;

    use super::*;
    use crate::config::database::{Backend, DatabaseConfig};

    #[test]
    fn a_query_that_has_not_begun_in_time_is_left_out() {
        let dir = tempfile::tempdir().unwrap();
        let backend = Backend::Sqlite(dir.path().join("requests.db"));
        let store = Store::connect(&DatabaseConfig { backend, echo: false, default_file: None }, 1).unwrap();
        let database = RequestDatabase { timeout: Duration::from_millis(10), ..RequestDatabase::default() };
        database.open(&store);
        let runtime = Builder::new_current_thread().enable_time().max_blocking_threads(1).build().unwrap();
        let (end, ends) = mpsc::channel();
        let (has_ended, is_asked) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
        runtime.block_on(async {
            let ended = Arc::clone(&has_ended);
            let slow = database.ask(move |_| {
                ends.recv().unwrap();
                ended.store(true, Ordering::SeqCst);
                Ok(())
            });
            assert_eq!(slow.await, Err(Unavailable));
            let asked = Arc::clone(&is_asked);
            let late = database.ask(move |_| {
                asked.store(true, Ordering::SeqCst);
                Ok(())
            });
            assert_eq!(late.await, Err(Unavailable));
            end.send(()).unwrap();
            // In line behind both.
            while database.ask(|_| Ok(())).await.is_err() {}
        });
        assert!(has_ended.load(Ordering::SeqCst) && !is_asked.load(Ordering::SeqCst));
    }
}
