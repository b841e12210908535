//! Whether a template of the operator's own has words in it, which are in one language. Words that it takes from the texts are left to
//! `template_set`.

use crate::content::catalogue::embedded;
use crate::content::catalogue::source::{Origin, Source};
use crate::content::check::names::names;
use crate::content::view;

/// A template of the operator's own that has words in it and takes none from the texts: it is from before there were texts, or for one
/// language. One that is as it was exported, or that only puts values together, is for all languages.
pub(crate) fn has_own_words(source: &Source) -> bool {
    let is_built_in = || embedded().any(|(name, text)| name == source.name && text == source.text);
    let is_multilingual = || names(&source.text).iter().any(|name| view::OF_LANGUAGE.contains(&name.root));
    source.origin == Origin::Own && has_words(&source.text) && !is_built_in() && !is_multilingual()
}

/// Whether it has a letter outside its tags, or writes or sets a text in quotes.
fn has_words(source: &str) -> bool {
    let mut rest = source;
    while let Some(at) = rest.find('{') {
        if has_letter(&rest[..at]) {
            return true;
        }
        rest = &rest[at + 1..];
        let close = match rest.as_bytes().first() {
            Some(b'{') => "}}",
            Some(b'%') => "%}",
            Some(b'#') => "#}",
            _ => continue,
        };
        let (tag, behind) = rest[1..].split_once(close).unwrap_or((&rest[1..], ""));
        if close != "#}" && writes_a_text(tag, close) {
            return true;
        }
        rest = behind;
    }
    has_letter(rest)
}

/// Names of frames and values that are compared are no words, and neither is a colour.
fn writes_a_text(tag: &str, close: &str) -> bool {
    let begin = tag.trim_start_matches('-').trim_start();
    let writes = close == "}}" || begin.starts_with("set");
    let mut texts = tag.split(['"', '\'', '`']).skip(1).step_by(2);
    writes && texts.any(|text| has_letter(text) && !text.starts_with('#'))
}

fn has_letter(text: &str) -> bool {
    text.contains(char::is_alphabetic)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_puts_values_together_has_no_words() {
        for source in [
            "",
            "{{ notice.title }}\n",
            "{{ event.title }} ({{ event.short_date }}) – {#- why -#} {1}",
            "{% extends \"base.html\" %}{% block palette %}{% set accent = \"#aabbcc\" %}{% endblock palette %}",
            "{% if kind == \"UPDATED\" %}{{ event.when }}{% endif %}",
        ] {
            assert!(!has_words(source), "{source}");
        }
        for source in [
            "Hello",
            "{{ event.title }}: news",
            "{ news }",
            "é {{ event.title }}",
            "{{ \"news\" }}",
            "{%- set x = 'news' -%}{{ x }}",
        ] {
            assert!(has_words(source), "{source}");
        }
    }
}
