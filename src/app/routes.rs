//! Loads the routes, as configured.

use std::sync::Arc;

use crate::config::worker::WorkerConfig;
use crate::routes::Routes;
use crate::routes::error::RoutesError;

/// The routes of `ROUTES_FILE`, if it is set. Logs them.
///
/// # Errors
/// All that is wrong with the file.
pub fn load(config: &WorkerConfig) -> Result<Option<Arc<Routes>>, RoutesError> {
    let Some(path) = &config.routes_file else { return Ok(None) };
    let routes = Routes::load(path)?;
    let shown: Vec<String> =
        routes.all().iter().map(|route| format!("{} ({})", route.name, route.pattern)).collect();
    log::info!(
        "routes from {}: {}; other messages: {}",
        path.display(),
        shown.join(", "),
        routes.on_unmatched.as_str()
    );
    Ok(Some(Arc::new(routes)))
}
