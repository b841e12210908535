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
}

impl Default for RequestDatabase {
    fn default() -> Self {
        Self { store: Arc::default(), places: Arc::new(Semaphore::new(WAITING_MAX)) }
    }
}

impl RequestDatabase {
    /// From now on requests use this database, over connections of their own.
    pub fn open(&self, store: &Store) {
        // Only the first one counts.
        self.store.get_or_init(|| store.with_own_connections(CONNECTIONS));
    }

    /// What the query returns.
    ///
    /// # Errors
    /// When the database is not open, is away or does not answer in time, or too many requests wait for it. The query may still run.
    pub async fn ask<T: Send + 'static>(
        &self,
        query: impl FnOnce(&Store) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, Unavailable> {
        let place = Arc::clone(&self.places).try_acquire_owned().map_err(|_| Unavailable)?;
        let store = self.store.get().ok_or(Unavailable)?.clone();
        let asked = spawn_blocking(move || {
            let answer = query(&store);
            drop(place);
            answer
        });
        match timeout(TIMEOUT, asked).await {
            Ok(Ok(Ok(answer))) => return Ok(answer),
            Ok(Ok(Err(error))) => log::warn!("http: a request is answered with 503: {error}"),
            Ok(Err(error)) => log::debug!("http: {error}"),
            Err(_) => log::warn!("http: a request is answered with 503: the database does not answer"),
        }
        Err(Unavailable)
    }
}
