//! Loads templates: reads, parses and checks them. What is checked is left to `check`.

use std::path::Path;

use tera::Tera;

use crate::content::catalogue::Sources;
use crate::content::check;
use crate::content::error::TemplateError;
use crate::content::explain::explain;
use crate::content::renderer::Templates;

impl Templates {
    /// Loads the built-in templates, replaced by those in `dir` where it has them, and renders each with sample data.
    ///
    /// # Errors
    /// The first error, with file, line and variable.
    pub fn load(dir: Option<&Path>) -> Result<Self, TemplateError> {
        let sources = Sources::read(dir)?;
        let mut tera = Tera::default();
        tera.add_raw_templates(sources.iter()).map_err(|error| explain(&error, &sources))?;
        check::check_variables(&tera, &sources)?;
        let templates = Self::new(tera, sources);
        check::render_samples(&templates)?;
        Ok(templates)
    }
}
