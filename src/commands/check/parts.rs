//! What several checks need: the configuration, the database and the templates. Each is opened once, and what is wrong with it is told
//! once: by its own check.

use std::cell::{OnceCell, RefCell};
use std::collections::BTreeSet;

use crate::app::{channels, database};
use crate::commands::check::finding::{Finding, with_causes};
use crate::commands::check::sender::AskDns;
use crate::config::Config;
use crate::config::environment::Environment;
use crate::content::renderer::Templates;
use crate::routes::Routes;
use crate::store::Store;

/// What the checks look at.
pub struct Parts<'a> {
    pub config: &'a Config,
    pub environment: &'a Environment,
    pub outbox_only: bool,
    pub ask_dns: AskDns,
    store: OnceCell<Result<Store, String>>,
    /// Those that `ROUTES_FILE` needs included.
    templates: OnceCell<Result<Templates, String>>,
    failed: RefCell<BTreeSet<&'static str>>,
}

impl<'a> Parts<'a> {
    /// Opens nothing yet.
    pub fn new(config: &'a Config, environment: &'a Environment, outbox_only: bool, ask_dns: AskDns) -> Self {
        let (store, templates, failed) = (OnceCell::new(), OnceCell::new(), RefCell::default());
        Self { config, environment, outbox_only, ask_dns, store, templates, failed }
    }

    /// The database.
    ///
    /// # Errors
    /// Why it cannot be used. Only the check of the database tells that.
    pub fn open_store(&self) -> Result<&Store, String> {
        let open = || database::connect_existing(self.config).map_err(with_causes);
        self.store.get_or_init(open).as_ref().map_err(Clone::clone)
    }

    /// The same for the other checks.
    ///
    /// # Errors
    /// That they cannot look.
    pub fn store(&self) -> Result<&Store, Finding> {
        self.open_store().map_err(|_| not_checked("database"))
    }

    /// The templates, with those of routes if these can be read.
    ///
    /// # Errors
    /// What is wrong with them. Only the check of the templates tells that.
    pub fn load_templates(&self) -> Result<&Templates, String> {
        let load = || {
            let routes = self.config.worker.routes_file.as_deref().map(Routes::load).transpose();
            let known = routes.as_ref().ok().and_then(Option::as_ref);
            channels::load_templates(&self.config.content, known).map_err(with_causes)
        };
        self.templates.get_or_init(load).as_ref().map_err(Clone::clone)
    }

    /// Whether `ROUTES_FILE` is set and cannot be read. The check of the routes tells why.
    pub fn has_unreadable_routes(&self) -> bool {
        self.config.worker.routes_file.as_deref().is_some_and(|path| Routes::load(path).is_err())
    }

    /// Remembers that a check has failed.
    pub fn has_failed(&self, name: &'static str) {
        self.failed.borrow_mut().insert(name);
    }

    /// Whether a check before has failed.
    pub fn is_failed(&self, name: &'static str) -> bool {
        self.failed.borrow().contains(name)
    }
}

/// For a check that needs another part, which does not work and whose check says why.
pub fn not_checked(part: &str) -> Finding {
    Finding::skipped(format!("not checked, because of the {part}: see there"))
}
