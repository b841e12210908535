//! What is missing or too much in a source.

use super::*;

fn texts(text: &RichText) -> Vec<String> {
    let runs = |block: &Block| block.runs.iter().map(|run| run.text.as_str()).collect();
    text.blocks.iter().map(runs).collect()
}

#[test]
fn white_space_is_written_between_words_only() {
    let mut builder = Builder::default();
    builder.line_break();
    builder.words("  one\n two ");
    builder.line_break();
    builder.words("three");
    builder.line_break();
    builder.words(" ");
    builder.line_break();
    builder.words("four\u{202e}\u{7} ");
    builder.line_break();
    assert_eq!(texts(&builder.finish()), ["one two\nthree", "four"]);
}

#[test]
fn what_is_too_much_or_missing_makes_no_wrong_text() {
    let mut builder = Builder::default();
    builder.end_list();
    builder.end_item();
    builder.end_link();
    builder.strong(false);
    builder.start_item();
    builder.words("item");
    builder.end_block();
    builder.words("of two lines");
    (0..100).for_each(|_| builder.start_list(Some(u64::MAX)));
    builder.start_item();
    builder.start_item();
    builder.words("deep");
    builder.start_link("https://example.org/");
    builder.words("here");
    (0..101).for_each(|_| builder.end_list());
    builder.words("end");
    let text = builder.finish();
    assert_eq!(texts(&text), ["item\nof two lines", "deephere", "end"]);
    assert_eq!(text.blocks[1].kind, BlockKind::Item { depth: 2, number: Some(u64::MAX) });
    assert_eq!(text.blocks[2].kind, BlockKind::Paragraph);
    assert_eq!(text.blocks[2].runs[0].href.as_deref(), Some("https://example.org/"), "as in a browser");
}

#[test]
fn the_space_beside_a_link_is_not_underlined() {
    let mut builder = Builder::default();
    builder.strong(true);
    builder.words("bold ");
    for (address, words) in [("https://example.org/a", "one link"), ("https://example.org/b", "two")] {
        builder.start_link(address);
        builder.words(words);
        builder.end_link();
        builder.words(" ");
    }
    builder.words("end");
    let text = builder.finish();
    let runs = text.blocks[0].runs.iter().map(|run| (run.text.as_str(), run.href.is_some()));
    let expected = [("bold ", false), ("one link", true), (" ", false), ("two", true), (" end", false)];
    assert_eq!(runs.collect::<Vec<_>>(), expected);
}
