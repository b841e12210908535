//! The colours of text and background at a place of a page, as far as inline styles tell: rules in `<style>` and dark mode are left
//! to tests in a browser.

use crate::text::color::{Color, LARGE_CONTRAST, TEXT_CONTRAST};

/// Tags without an end.
const VOID: [&str; 12] =
    ["area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "wbr"];

/// Tags whose text is not shown.
const HIDDEN: [&str; 4] = ["head", "style", "script", "title"];

/// What text looks like at a place. A colour that cannot be told is none.
#[derive(Debug, Clone)]
struct Look {
    tag: String,
    color: Option<Color>,
    background: Option<Color>,
    /// In pixels.
    size: f64,
    is_bold: bool,
    is_hidden: bool,
}

/// The tags that are open, each with its look.
#[derive(Debug, Default)]
pub(super) struct Stack {
    open: Vec<Look>,
}

impl Stack {
    /// A tag begins; `attribute` reads one of its attributes.
    pub fn open(&mut self, tag: &str, is_closed: bool, attribute: impl Fn(&str) -> Option<String>) {
        if is_closed || VOID.contains(&tag) {
            return;
        }
        let mut look = self.open.last().cloned().unwrap_or(Look {
            tag: String::new(),
            color: Some(Color::BLACK),
            background: Some(Color::WHITE),
            size: 16.0,
            is_bold: false,
            is_hidden: false,
        });
        tag.clone_into(&mut look.tag);
        look.is_hidden |= HIDDEN.contains(&tag) || attribute("hidden").is_some();
        look.is_bold |= matches!(tag, "b" | "strong" | "th" | "h1" | "h2" | "h3" | "h4");
        if let Some(color) = attribute("bgcolor") {
            look.background = Color::parse(&color);
        }
        let style = attribute("style").unwrap_or_default();
        for (name, value) in style.split(';').filter_map(|declaration| declaration.split_once(':')) {
            look.apply(&name.trim().to_ascii_lowercase(), value.trim_end_matches("!important").trim());
        }
        self.open.push(look);
    }

    /// A tag ends, and with it those in it that have no end.
    pub fn close(&mut self, tag: &str) {
        if let Some(at) = self.open.iter().rposition(|look| look.tag == tag) {
            self.open.truncate(at);
        }
    }

    /// What makes `text` hard to read here.
    pub fn problem_of(&self, text: &str) -> Option<String> {
        let look = self.open.last().filter(|look| !look.is_hidden && !text.trim().is_empty())?;
        let (color, background) = (look.color?, look.background?);
        let is_large = look.size >= 24.0 || look.is_bold && look.size >= 18.66;
        let needed = if is_large { LARGE_CONTRAST } else { TEXT_CONTRAST };
        let contrast = color.contrast(background);
        (contrast < needed)
            .then(|| format!("is {color} on {background}: a contrast of {contrast:.1}:1, and people need {needed}:1 (WCAG AA)"))
    }
}

impl Look {
    fn apply(&mut self, name: &str, value: &str) {
        match name {
            "color" if value == "inherit" => {}
            "color" => self.color = Color::parse(value),
            "background" | "background-color" if value == "transparent" => {}
            "background" | "background-color" => self.background = Color::parse(value),
            "background-image" if value != "none" => self.background = None,
            "font-size" => {
                if let Some(size) = value.strip_suffix("px").and_then(|size| size.trim().parse().ok()) {
                    self.size = size;
                }
            }
            "font-weight" => {
                self.is_bold = matches!(value, "bold" | "bolder" | "600" | "700" | "800" | "900");
            }
            "display" => self.is_hidden |= value == "none",
            "opacity" => self.color = None,
            _ => {}
        }
    }
}
