//! The section of the database.

use super::Secret;

/// Where events, participants and the ledger are.
#[derive(Debug, Clone)]
pub struct DatabaseConfig {
    /// Which database and where, without its scheme for SQLite: the path of the file.
    pub backend: Backend,
    /// Whether every statement is logged.
    pub echo: bool,
}

/// Which database system, and where. `PostgreSQL` and `MySQL` will be further variants.
#[derive(Debug, Clone)]
pub enum Backend {
    /// The path of a SQLite file, or `:memory:` is refused: two connections would see two databases.
    Sqlite(std::path::PathBuf),
}

/// Keeps the import until a backend with a password exists.
#[allow(dead_code)]
type Unused = Secret;
