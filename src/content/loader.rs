//! Loads templates: reads, parses and checks them. What is checked is left to `check`.

use std::path::Path;
use std::sync::Arc;

use tera::Tera;

use crate::config::content::ContentConfig;
use crate::content::catalogue::Catalogue;
use crate::content::catalogue::languages::sources_of;
use crate::content::catalogue::source::Sources;
use crate::content::check;
use crate::content::error::TemplateError;
use crate::content::explain::explain;
use crate::content::filters;
use crate::content::locales::Locales;
use crate::content::renderer::Templates;
use crate::content::template_set::{TemplateSet, TemplateSets};
use crate::content::view;

impl Templates {
    /// Loads the built-in templates, replaced by those in `TEMPLATES_DIR` where it has them, and renders each with sample data.
    ///
    /// # Errors
    /// The first error, with file, line and variable.
    pub fn load(config: &ContentConfig) -> Result<Self, TemplateError> {
        Self::load_with(config, &[])
    }

    /// The same, and the templates in these folders of `TEMPLATES_DIR`, for routes. What they show of a message, no sample data has.
    ///
    /// # Errors
    /// The first error, with file, line and variable.
    pub fn load_with(config: &ContentConfig, own: &[String]) -> Result<Self, TemplateError> {
        let dir = config.templates_dir.as_deref();
        let mut catalogue = Catalogue::read(dir, own)?;
        let (texts, languages) = catalogue.take_texts();
        let locales = Arc::new(Locales::new(texts, languages, config)?);
        let mut tera = parse(&catalogue.sources, config, &locales)?;
        let of_default = locales.locale(locales.default_tag());
        check::check_names(&tera, &catalogue.sources, &of_default.words, &locales)?;
        let mut of_languages = Vec::with_capacity(catalogue.languages.len());
        for (tag, sources) in sources_of(&catalogue.languages, &catalogue.sources) {
            let tera = parse(&sources, config, &locales)?;
            check::check_names(&tera, &sources, &locales.locale(tag).words, &locales)?;
            of_languages.push((tag, TemplateSet::new(tera, sources, &catalogue.folders)));
        }
        if let Some(dir) = dir {
            add_spare(&mut tera, &mut catalogue, dir);
        }
        let Catalogue { sources, folders, dir, .. } = catalogue;
        let sets = TemplateSets { of_all: TemplateSet::new(tera, sources, &folders), of_languages };
        let templates = Self::new(sets, locales, folders, dir, config.clone());
        check::render_samples(&templates)?;
        Ok(templates)
    }
}

fn parse(sources: &Sources, config: &ContentConfig, locales: &Arc<Locales>) -> Result<Tera, TemplateError> {
    let mut tera = Tera::default();
    filters::register(&mut tera, locales);
    // What is the same for all mails is not copied for each of them.
    for (name, value) in view::sender::variables(config) {
        tera.global_context().insert_value(name, value);
    }
    tera.add_raw_templates(sources.iter()).map_err(|error| explain(&error, sources))?;
    Ok(tera)
}

/// Adds the folders that no route uses, as far as Tera takes them: they may be those of another program.
fn add_spare(tera: &mut Tera, catalogue: &mut Catalogue, dir: &Path) {
    for (folder, of_folder) in catalogue.spare(dir) {
        let mut with_folder = tera.clone();
        let texts = of_folder.iter().map(|source| (source.name.as_str(), source.text.as_str()));
        match with_folder.add_raw_templates(texts) {
            Ok(()) => {
                *tera = with_folder;
                catalogue.add(folder, of_folder);
            }
            Err(error) => log::debug!("the templates in {} are not loaded: {error}", folder.name),
        }
    }
}
