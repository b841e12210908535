//! Templates that can call each other, parsed: those for all languages, or those for one. What is rendered with them is left to `renderer`.

use std::collections::{BTreeSet, HashMap};

use tera::{Context, Tera};

use crate::content::catalogue::source::{Source, Sources};
use crate::content::check::names::names;
use crate::content::error::TemplateError;
use crate::content::explain::explain;
use crate::content::folder::Folder;
use crate::content::layout;
use crate::content::tag::Tag;
use crate::content::template_set::own_words::has_own_words;
use crate::content::view;
use crate::text::clean::{cut, one_line};

mod own_words;

/// Parsed templates and their sources.
#[derive(Debug)]
pub(crate) struct TemplateSet {
    tera: Tera,
    sources: Sources,
    /// By the names of the folders.
    uses: HashMap<String, Uses>,
}

/// The templates for all languages, and for those that have some of their own.
#[derive(Debug)]
pub(crate) struct TemplateSets {
    /// Those for all languages.
    pub of_all: TemplateSet,
    /// The others.
    pub of_languages: Vec<(Tag, TemplateSet)>,
}

/// Which of them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SetId(Option<usize>);

impl TemplateSets {
    /// The templates of a folder for this language, or for a broader one, or for all.
    pub fn find(&self, folder: &Folder, tag: Tag) -> SetId {
        let is_of = |(of, set): &(Tag, TemplateSet), tag| *of == tag && set.uses(folder).is_some();
        SetId(tag.and_broader().find_map(|tag| self.of_languages.iter().position(|set| is_of(set, tag))))
    }

    /// Whether this is so of the templates of a folder in one of the sets.
    pub fn any_uses(&self, folder: &Folder, is_so: impl Fn(&Uses) -> bool) -> bool {
        let of_languages = self.of_languages.iter().map(|(_, set)| set);
        of_languages.chain([&self.of_all]).filter_map(|set| set.uses(folder)).any(is_so)
    }

    /// That set.
    pub fn get(&self, id: SetId) -> &TemplateSet {
        id.0.and_then(|at| self.of_languages.get(at)).map_or(&self.of_all, |(_, set)| set)
    }
}

/// What the templates of one folder use, with those that they extend or include.
#[derive(Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a question of its own")]
pub(crate) struct Uses {
    /// The names of texts.
    pub texts: Vec<String>,
    /// Whether one of them has its words in it, and is there for all languages: then the whole mail is in one.
    pub is_in_one_language: bool,
    /// Whether they show the participant's place as JSON-LD.
    pub json_ld: bool,
    /// Whether they show the time by the participant's own clocks.
    pub own_time: bool,
    /// Whether one of them shows the metadata of the message.
    pub metadata: bool,
    /// Whether what is personal is only written out, so that the parts can be rendered once with blanks for it.
    pub leaves_blanks: bool,
    /// Whether the subject is not the same for all participants.
    pub has_personal_subject: bool,
}

impl TemplateSet {
    /// These templates, for the mails of these folders.
    pub fn new(tera: Tera, sources: Sources, folders: &[Folder]) -> Self {
        let uses =
            folders.iter().map(|folder| (folder.name.clone(), uses(folder, &tera, &sources))).collect();
        Self { tera, sources, uses }
    }

    /// What the templates of a folder use.
    pub fn uses(&self, folder: &Folder) -> Option<&Uses> {
        self.uses.get(&folder.name)
    }

    /// Renders one template.
    ///
    /// # Errors
    /// When it does not render with this context.
    pub fn render(&self, name: &str, context: &Context) -> Result<String, TemplateError> {
        self.tera.render(name, context).map_err(|error| explain(&error, &self.sources))
    }

    /// Renders the subject of a folder.
    ///
    /// # Errors
    /// When it does not render with this context, or is empty.
    pub fn subject(&self, folder: &Folder, context: &Context) -> Result<String, TemplateError> {
        let name = &folder.subject;
        let subject = cut(one_line(&self.render(name, context)?), layout::SUBJECT_MAX);
        if subject.is_empty() {
            let path = self.sources.path(name);
            return Err(TemplateError(format!("{path}: the subject is empty")));
        }
        Ok(subject)
    }
}

fn uses(folder: &Folder, tera: &Tera, sources: &Sources) -> Uses {
    let variables = tera.get_template_variables(&folder.subject).unwrap_or_default();
    let used = used_by(folder, sources);
    let mut texts = BTreeSet::new();
    let (mut json_ld, mut own_time, mut metadata) = (false, false, false);
    for name in used.iter().flat_map(|source| names(&source.text)) {
        match name.root {
            view::TEXT => texts.extend(name.field.map(str::to_owned)),
            view::JSON_LD => json_ld = true,
            view::OWN_TIME => own_time = true,
            view::METADATA => metadata = true,
            _ => {}
        }
    }
    Uses {
        texts: texts.into_iter().collect(),
        json_ld,
        own_time,
        metadata,
        leaves_blanks: used.iter().all(|source| leaves_blanks(&source.text)),
        is_in_one_language: used.iter().any(|source| has_own_words(source)),
        has_personal_subject: view::PERSONAL.iter().any(|name| variables.contains(name)),
    }
}

/// The templates of a folder, and those whose names stand in them, as those that they extend do.
fn used_by<'a>(folder: &Folder, sources: &'a Sources) -> Vec<&'a Source> {
    let mut used: Vec<&Source> = folder.names().iter().filter_map(|name| sources.get(name)).collect();
    let mut at = 0;
    while let Some(source) = used.get(at).copied() {
        let is_named = |name: &str| {
            ['"', '\'', '`'].iter().any(|quote| source.text.contains(&format!("{quote}{name}{quote}")))
        };
        let is_new = |other: &&Source| !used.iter().any(|known| known.name == other.name);
        let named: Vec<&Source> =
            sources.all().iter().filter(is_new).filter(|other| is_named(&other.name)).collect();
        used.extend(named);
        at += 1;
    }
    used
}

/// Whether each tag that has to do with what is personal just writes it, and nothing reads what is written: a filter, a variable or the
/// body of a component could have it, also by a block or an include.
fn leaves_blanks(source: &str) -> bool {
    let tags = |open, close| source.split(open).skip(1).filter_map(move |tag: &str| tag.split(close).next());
    let is_personal =
        |tag: &str| view::PERSONAL.iter().chain(&["__tera_context"]).any(|name| tag.contains(name));
    let just_writes = |tag: &str| {
        let tag = tag.trim_matches('-').trim();
        tag == "greeting"
            || [view::JSON_LD, view::OWN_TIME, view::UNSUBSCRIBE_URL]
                .contains(&tag.strip_prefix("if ").unwrap_or(tag))
    };
    let reads_written = |tag: &str| {
        let tag = tag.trim_start_matches('-').trim_start();
        ["filter", "endset", "<"].iter().any(|begin| tag.starts_with(begin))
    };
    !tags("{%", "%}").any(reads_written)
        && tags("{{", "}}").chain(tags("{%", "%}")).all(|tag| !is_personal(tag) || just_writes(tag))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_more_than_writing_is_found() {
        for source in [
            "",
            "{{ greeting }}",
            "a {{- greeting -}} b{%- if json_ld %}{{ json_ld }}{% endif %}",
            "{%- if own_time %}\n    {{ own_time }}{% endif %}",
            "{# participant #}",
            "{%- if unsubscribe_url %}<a href=\"{{ unsubscribe_url }}\">{{ text.unsubscribe }}</a>{% endif %}",
        ] {
            assert!(leaves_blanks(source), "{source}");
        }
        for source in [
            "{{ participant.name }}",
            "{{ greeting | upper }}",
            "{% if greeting %}x{% endif %}",
            "{% set x = greeting %}{{ x | upper }}",
            "{{ greeting }}{{ 'a' ~ greeting }}",
            "{% if not json_ld %}x{% endif %}",
            "{% if own_time and event.when %}x{% endif %}",
            "{{ unsubscribe_url | upper }}",
            "{{ __tera_context }}",
        ] {
            assert!(!leaves_blanks(source), "{source}");
        }
    }
}
