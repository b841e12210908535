//! Writes a text as HTML: these few tags, with the styles that mail programs need, and nothing else. Every character of the text is
//! escaped, so whatever the source had in it, the result is well-formed and runs nothing.

use crate::content::layout;
use crate::content::rich_text::{Block, BlockKind, RichText, Run};

const PARAGRAPH: &str = "margin:0 0 14px";
const LAST_PARAGRAPH: &str = "margin:0";
// The same on both sides, for text from right to left. Words begin where their bullets stand, in a mirrored layout, too. Mail
// programs that do not know "start" do not know dir="auto" either: there, both follow the layout.
const LIST: &str = "margin:0 0 14px;padding:0 22px;text-align:start";
const INNER_LIST: &str = "margin:0;padding:0 22px;text-align:start";
const ITEM: &str = "margin:0 0 4px";

impl RichText {
    /// The text as paragraphs and lists. They stand in a `div` or in a cell of a table, not in a paragraph.
    pub fn to_html(&self) -> String {
        let mut html = Html::default();
        for (number, block) in self.blocks.iter().enumerate() {
            html.block(block, number + 1 == self.blocks.len());
        }
        html.close_lists(0);
        html.wrapped()
    }

    /// The text with line breaks between its lines, to stand inside a paragraph.
    pub fn to_inline_html(&self) -> String {
        let mut html = Html::default();
        let mut before = None;
        for block in &self.blocks {
            let is_item = matches!(block.kind, BlockKind::Item { .. });
            html.out.push_str(match before {
                None => "",
                Some(true) if is_item => "<br>\n",
                Some(_) => "<br>\n<br>\n",
            });
            match block.kind {
                BlockKind::Item { number: Some(number), .. } => html.out.extend([&number.to_string(), ". "]),
                BlockKind::Item { .. } => html.out.push_str("- "),
                _ => {}
            }
            let is_heading = block.kind == BlockKind::Heading;
            html.open_if(is_heading, "strong");
            html.runs(&block.runs, is_heading);
            html.close_if(is_heading, "strong");
            before = Some(is_item);
        }
        html.wrapped()
    }
}

#[derive(Default)]
struct Html {
    out: String,
    /// The tags of the lists that are open.
    lists: Vec<&'static str>,
}

impl Html {
    fn block(&mut self, block: &Block, is_last: bool) {
        let BlockKind::Item { depth, number } = block.kind else {
            self.close_lists(0);
            let is_heading = block.kind == BlockKind::Heading;
            let style = if is_last { LAST_PARAGRAPH } else { PARAGRAPH };
            self.open("p", &format!(" dir=\"auto\" style=\"{style}\""));
            self.open_if(is_heading, "strong");
            self.runs(&block.runs, is_heading);
            self.close_if(is_heading, "strong");
            self.out.push_str("</p>\n");
            return;
        };
        self.item(depth, number);
        self.runs(&block.runs, false);
    }

    /// Begins an item, and the lists that it is in.
    fn item(&mut self, depth: usize, number: Option<u64>) {
        let tag = if number.is_some() { "ol" } else { "ul" };
        self.close_lists(depth);
        if self.lists.len() == depth && self.lists.last() != Some(&tag) {
            self.close_lists(depth - 1);
        }
        if self.lists.len() == depth {
            self.out.push_str("</li>\n");
        } else {
            let style = if depth == 1 { LIST } else { INNER_LIST };
            let start = number
                .filter(|number| *number != 1)
                .map_or_else(String::new, |number| format!(" start=\"{number}\""));
            self.open(tag, &format!("{start} dir=\"auto\" style=\"{style}\""));
            self.out.push('\n');
            self.lists.push(tag);
        }
        self.open("li", &format!(" style=\"{ITEM}\""));
    }

    /// Ends the lists that are deeper than this.
    fn close_lists(&mut self, depth: usize) {
        while self.lists.len() > depth {
            if let Some(tag) = self.lists.pop() {
                self.out.extend(["</li>\n</", tag, ">\n"]);
            }
        }
    }

    fn runs(&mut self, runs: &[Run], is_strong: bool) {
        for runs in runs.chunk_by(|one, next| one.href == next.href) {
            let href = runs[0].href.as_deref();
            if let Some(href) = href {
                self.out.push_str("<a href=\"");
                self.escaped(href);
                self.out.push_str("\" rel=\"noopener noreferrer\" style=\"color:inherit\">");
            }
            for run in runs {
                self.run(run, is_strong);
            }
            self.close_if(href.is_some(), "a");
        }
    }

    fn run(&mut self, run: &Run, is_strong: bool) {
        let (strong, emphasis) = (run.look.strong && !is_strong, run.look.emphasis);
        self.open_if(strong, "strong");
        self.open_if(emphasis, "em");
        for (number, line) in run.text.split('\n').enumerate() {
            if number > 0 {
                self.out.push_str("<br>\n");
            }
            self.escaped(line);
        }
        self.close_if(emphasis, "em");
        self.close_if(strong, "strong");
    }

    fn open(&mut self, tag: &str, attributes: &str) {
        self.out.extend(["<", tag, attributes, ">"]);
    }

    fn open_if(&mut self, is_there: bool, tag: &str) {
        if is_there {
            self.open(tag, "");
        }
    }

    fn close_if(&mut self, is_there: bool, tag: &str) {
        if is_there {
            self.out.extend(["</", tag, ">"]);
        }
    }

    fn escaped(&mut self, text: &str) {
        self.out.push_str(&layout::escape(text));
    }

    /// Long lines are wrapped in the source only, so that a mail of plain ASCII needs no encoding. No value of an attribute has a
    /// space but a style.
    fn wrapped(self) -> String {
        let mut wrapped = String::with_capacity(self.out.len());
        for (number, line) in self.out.trim_end().split('\n').enumerate() {
            if number > 0 {
                wrapped.push('\n');
            }
            layout::wrap(line, &mut wrapped);
        }
        wrapped
    }
}

#[cfg(test)]
mod tests {
    use crate::content::description::markdown;
    use crate::content::rich_text::RichText;

    #[test]
    fn a_text_without_a_format_has_paragraphs_and_links() {
        let text = RichText::plain("one <b>\n\ntwo & three\nsee www.example.org");
        insta::assert_snapshot!(text.to_html(), @r#"
        <p dir="auto" style="margin:0 0 14px">one &lt;b&gt;</p>
        <p dir="auto" style="margin:0">two &amp; three<br>
        see <a href="http://www.example.org/" rel="noopener noreferrer"
        style="color:inherit">www.example.org</a></p>
        "#);
        insta::assert_snapshot!(text.to_inline_html(), @r#"
        one &lt;b&gt;<br>
        <br>
        two &amp; three<br>
        see <a href="http://www.example.org/" rel="noopener noreferrer"
        style="color:inherit">www.example.org</a>
        "#);
    }

    #[test]
    fn lists_are_nested_and_numbered() {
        let text = markdown::read("## Day **one**\n\n- a\n  - b\n    3. c\n    4. d\n- e\n\nend *of* it");
        insta::assert_snapshot!(text.to_html(), @r#"
        <p dir="auto" style="margin:0 0 14px"><strong>Day one</strong></p>
        <ul dir="auto" style="margin:0 0 14px;padding:0 22px;text-align:start">
        <li style="margin:0 0 4px">a<ul dir="auto" style="margin:0;padding:0
        22px;text-align:start">
        <li style="margin:0 0 4px">b<br>
        3. c<br>
        4. d</li>
        </ul>
        </li>
        <li style="margin:0 0 4px">e</li>
        </ul>
        <p dir="auto" style="margin:0">end <em>of</em> it</p>
        "#);
    }

    #[test]
    fn lists_are_lines_inside_a_paragraph() {
        let text = markdown::read("## one\n\n- a\n- b\n\n1. c\n\nend");
        assert_eq!(
            text.to_inline_html(),
            "<strong>one</strong><br>\n<br>\n- a<br>\n- b<br>\n1. c<br>\n<br>\nend"
        );
    }
}
