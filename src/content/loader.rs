//! From files to templates that can be rendered: read, parsed, and checked with sample data.

use std::path::Path;

use tera::Tera;

use crate::content::catalogue::Sources;
use crate::content::check;
use crate::content::error::TemplateError;
use crate::content::explain::explain;
use crate::content::renderer::Templates;

impl Templates {
    /// Loads the embedded templates, or those of `dir` where it has them, and renders each with sample data.
    ///
    /// # Errors
    /// Names file, line and variable of the first mistake.
    pub fn load(dir: Option<&Path>) -> Result<Self, TemplateError> {
        let sources = Sources::read(dir)?;
        let mut tera = Tera::default();
        tera.add_raw_templates(sources.iter()).map_err(|error| explain(&error, &sources))?;
        check::variables(&tera, &sources)?;
        let templates = Self::new(tera, sources);
        check::samples(&templates)?;
        Ok(templates)
    }
}
