//! Finds names in the source of a template, with their lines. Tera knows which names a template uses, but their line
//! only when it renders them, and it evaluates an unknown field inside `{% if %}` to false. Which names are unknown is
//! left to `check`.

/// A name in a template, such as `event.title` or `kind`.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Name<'a> {
    /// Counted from 1.
    pub line: usize,
    /// Before the first dot.
    pub root: &'a str,
    /// Between the first dot and the second, when there is one.
    pub field: Option<&'a str>,
    /// Whether the template sets it (`{% set name = … %}`).
    pub is_set: bool,
    /// The text in quotes that it is given: `date(format="short")`.
    pub text: Option<&'a str>,
    /// The filter or function in whose brackets it stands: `date(format="short")`.
    pub call: Option<&'a str>,
}

/// All names in the tags of `source`, in order, with keywords and filters.
pub(crate) fn names(source: &str) -> Vec<Name<'_>> {
    let mut names = Vec::new();
    let mut at = 0;
    while let Some(open) = source[at..].find('{').map(|found| at + found) {
        let (close, inside) = match source.as_bytes().get(open + 1) {
            Some(b'{') => ("}}", true),
            Some(b'%') => ("%}", true),
            Some(b'#') => ("#}", false),
            _ => {
                at = open + 1;
                continue;
            }
        };
        let start = open + 2;
        let end = tag_end(&source[start..], close, inside).map_or(source.len(), |length| start + length);
        let first = names.len();
        if inside {
            in_tag(source, start, end, &mut names);
        }
        at = (end + close.len()).min(source.len());
        if close == "%}" && names.get(first).is_some_and(|name| name.root == "raw") {
            at = source[at..].find("endraw").map_or(source.len(), |found| at + found);
        }
    }
    names
}

/// Length of a tag in bytes: up to `close`, outside strings.
fn tag_end(source: &str, close: &str, has_strings: bool) -> Option<usize> {
    let mut quote = None;
    for (at, byte) in source.bytes().enumerate() {
        match quote {
            Some(open) if byte == open => quote = None,
            None if has_strings && matches!(byte, b'"' | b'\'' | b'`') => quote = Some(byte),
            None if source.as_bytes()[at..].starts_with(close.as_bytes()) => return Some(at),
            _ => {}
        }
    }
    None
}

/// Appends the names in one tag, from byte `start` to `end` of `source`. Strings are skipped.
fn in_tag<'a>(source: &'a str, start: usize, end: usize, names: &mut Vec<Name<'a>>) {
    let first = names.len();
    let mut line = 1 + source[..start].matches('\n').count();
    let mut at = start;
    let mut after_dot = 0_u32;
    let mut calls = Vec::new();
    while at < end {
        let byte = source.as_bytes()[at];
        let is_letter = |byte: u8| byte.is_ascii_alphabetic() || byte == b'_';
        if is_letter(byte) {
            let length =
                source[at..end].bytes().take_while(|&byte| is_letter(byte) || byte.is_ascii_digit()).count();
            let word = &source[at..at + length];
            match (after_dot, names.last_mut()) {
                (0, _) | (_, None) => names.push(Name {
                    line,
                    root: word,
                    field: None,
                    is_set: names.len() == first + 1 && matches!(names[first].root, "set" | "set_global"),
                    text: given_text(&source[at + length..end]),
                    call: calls.last().copied().flatten(),
                }),
                (1, Some(name)) => name.field = Some(word),
                _ => {}
            }
            at += length;
            after_dot = if source.as_bytes()[at..end].first() == Some(&b'.') {
                after_dot + 1
            } else if source[at..end].starts_with("?.") {
                at += 1;
                after_dot + 1
            } else {
                0
            };
            at += usize::from(after_dot > 0);
            continue;
        }
        after_dot = 0;
        match byte {
            b'(' => calls.push(names[first..].last().map(|name| name.root)),
            b')' => drop(calls.pop()),
            _ => {}
        }
        if matches!(byte, b'"' | b'\'' | b'`') {
            let length = source.as_bytes()[at + 1..end].iter().position(|&other| other == byte);
            let string_end = length.map_or(end, |length| at + 1 + length);
            line += source[at..string_end].matches('\n').count();
            at = string_end;
        }
        line += usize::from(byte == b'\n');
        at += 1;
    }
}

/// The text in quotes behind a `=` that this begins with.
fn given_text(rest: &str) -> Option<&str> {
    let rest = rest.trim_start().strip_prefix('=')?.trim_start();
    let quote = rest.chars().next().filter(|first| matches!(first, '"' | '\'' | '`'))?;
    rest[1..].split_once(quote).map(|(text, _)| text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn found(source: &str) -> Vec<String> {
        names(source)
            .iter()
            .map(|name| match name.field {
                Some(field) => format!("{}:{}.{field}", name.line, name.root),
                None => format!("{}:{}{}", name.line, name.root, if name.is_set { "=" } else { "" }),
            })
            .collect()
    }

    #[test]
    fn names_in_tags_are_found_with_their_lines() {
        let source = "a { b }\n{{ event.title }}{# not.this\n #}\n{% if event?.url.x == \"no.string %}\" -%}\n\n{{\nkind}}";
        assert_eq!(found(source), ["2:event.title", "4:if", "4:event.url", "7:kind"]);
    }

    #[test]
    fn what_a_template_sets_is_marked_and_raw_text_is_skipped() {
        let source = "{%- set accent = 'a' %}{% raw %}{{ not.me }}{% endraw %}{{ x1 }}";
        assert_eq!(found(source), ["1:set", "1:accent=", "1:raw", "1:x1"]);
    }

    #[test]
    fn texts_that_names_are_given_are_found() {
        let source = "{{ a | date(format=\"%d {{\", timezone = 'UTC') }}{% if kind == \"x\" and b = c %}{% set d = `e` %}{{ f=\"";
        let given: Vec<(&str, &str)> =
            names(source).iter().filter_map(|name| Some((name.root, name.text?))).collect();
        assert_eq!(given, [("format", "%d {{"), ("timezone", "UTC"), ("d", "e")]);
    }

    #[test]
    fn names_in_brackets_are_those_of_the_filter_before_them() {
        let source = "{{ (a) | date(timezone=b.c | default(value=')'), format=d) }}{{ e }}";
        let calls: Vec<(&str, Option<&str>)> =
            names(source).iter().map(|name| (name.root, name.call)).collect();
        let expected = [
            ("a", None),
            ("date", None),
            ("timezone", Some("date")),
            ("b", Some("date")),
            ("default", Some("date")),
            ("value", Some("default")),
            ("format", Some("date")),
            ("d", Some("date")),
            ("e", None),
        ];
        assert_eq!(calls, expected);
    }

    proptest! {
        #[test]
        fn no_text_confuses_it(source in "[{}%#a.'\"\\n é?]{0,60}") {
            names(&source);
        }
    }
}
