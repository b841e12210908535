//! Descriptions of all formats, good and bad.

use std::time::{Duration, Instant};

use proptest::prelude::*;
use testkit::properties;

use super::*;

const FORMATS: [DescriptionFormat; 4] =
    [DescriptionFormat::Auto, DescriptionFormat::Text, DescriptionFormat::Markdown, DescriptionFormat::Html];

#[test]
fn formats_are_told_apart() {
    for (format, texts) in [
        (
            DescriptionFormat::Html,
            &[
                "<p>Hello",
                "one<br>two",
                "one<BR/>two",
                "a <b>bold</b> word",
                "<a href=\"https://example.org\">x</a>",
                "<ul><li>x</ul>",
                "<div\nclass='x'>text</div>",
            ][..],
        ),
        (
            DescriptionFormat::Markdown,
            &[
                "## Programme\ntext",
                "text\n\n**Bring a coat**, please",
                "see [the page](https://example.org/x) or",
                "[mail](mailto:ann@example.org)",
            ],
        ),
        (
            DescriptionFormat::Text,
            &[
                "",
                "I <3 music",
                "a*b*c and 2 ** 3 ** 4",
                "# of seats: 5\n# of rooms: 2",
                "#music ##",
                "if a <b and c> d",
                "a < p > b",
                "Vec<String> and <T>",
                "</p> </td>",
                "<b>never closed",
                "<script>alert(1)</script>",
                "[x](relative) ](https://example.org)",
                "- one\n- two\n\n1. three",
                "__init__ and _this_ and snake_case_name",
                "**Note: see below",
                "x**y**z **** ** **",
                "<ann@example.org> <https://example.org>",
            ],
        ),
    ] {
        for text in texts {
            assert_eq!(detect::detect(text), format, "{text}");
        }
    }
}

#[test]
fn html_of_an_editor_keeps_its_text_and_nothing_else() {
    let html = "<!doctype html><html><head><title>no</title><style>p { color: red }</style></head><body onload=x()>\
        <h2 class=\"x\">Programme</h2><p style='font-size:9px'>Doors&nbsp;open at <b>17:30</b> &amp; &lt;early&gt;.<br>\
        Bring <i>friends</i>!</p><script>alert('no')</script><ul><li>Britten</li><li>Carols<ol start=3><li>Silent</ol></ul>\
        <img src=x onerror=alert(1) alt=Map><p>&nbsp;</p><table><tr><td>18:00<td>Start<tr><td>20:00<td>End</table>\
        <a href=\"javascript:alert(1)\">click</a> <a href='https://example.org/?a=1&amp;b=\"2\"' onclick=x>site</a>\
        <!-- no --><pre>one\n  two</pre><svg><p>kept";
    let text = html::read(html);
    insta::assert_snapshot!(text.to_html(), @r#"
    <p dir="auto" style="margin:0 0 14px"><strong>Programme</strong></p>
    <p dir="auto" style="margin:0 0 14px">Doors open at
    <strong>17:30</strong> &amp; &lt;early&gt;.<br>
    Bring <em>friends</em>!</p>
    <ul dir="auto" style="margin:0 0 14px;padding:0 22px;text-align:start">
    <li style="margin:0 0 4px">Britten</li>
    <li style="margin:0 0 4px">Carols<ol start="3" dir="auto"
    style="margin:0;padding:0 22px;text-align:start">
    <li style="margin:0 0 4px">Silent</li>
    </ol>
    </li>
    </ul>
    <p dir="auto" style="margin:0 0 14px">Map</p>
    <p dir="auto" style="margin:0 0 14px">18:00 | Start<br>
    20:00 | End</p>
    <p dir="auto" style="margin:0 0 14px">click <a
    href="https://example.org/?a=1&amp;b=%222%22" rel="noopener noreferrer"
    style="color:inherit">site</a></p>
    <p dir="auto" style="margin:0 0 14px">one<br>
      two</p>
    <p dir="auto" style="margin:0">kept</p>
    "#);
    insta::assert_snapshot!(text.to_text(), @r#"
    Programme

    Doors open at 17:30 & <early>.
    Bring friends!

    - Britten
    - Carols
      3. Silent

    Map

    18:00 | Start
    20:00 | End

    click site (https://example.org/?a=1&b=%222%22)

    one
      two

    kept
    "#);
}

#[test]
fn markdown_is_read_with_its_lines_and_its_html() {
    let markdown = "Hello **all**,\nsee <https://example.org> and [us](https://example.org/us).\n\n<b>HTML</b> too<br>next\n\n\
        <p>block\n<script>no</script></p>\n\n> quoted\n\n```\ncode\n  here\n```\n\n![A map](x.png) [no](javascript:x) ~~old~~ <ann@example.org>";
    let text = markdown::read(markdown);
    insta::assert_snapshot!(text.to_html(), @r#"
    <p dir="auto" style="margin:0 0 14px">Hello <strong>all</strong>,<br>
    see <a href="https://example.org/" rel="noopener noreferrer"
    style="color:inherit">https://example.org</a> and <a
    href="https://example.org/us" rel="noopener noreferrer"
    style="color:inherit">us</a>.</p>
    <p dir="auto" style="margin:0 0 14px"><strong>HTML</strong> too<br>
    next</p>
    <p dir="auto" style="margin:0 0 14px">block</p>
    <p dir="auto" style="margin:0 0 14px">quoted</p>
    <p dir="auto" style="margin:0 0 14px">code<br>
      here</p>
    <p dir="auto" style="margin:0">A map no old <a
    href="mailto:ann@example.org" rel="noopener noreferrer"
    style="color:inherit">ann@example.org</a></p>
    "#);
    insta::assert_snapshot!(text.to_text(), @r#"
    Hello all,
    see https://example.org and us (https://example.org/us).

    HTML too
    next

    block

    quoted

    code
      here

    A map no old ann@example.org
    "#);
}

#[test]
fn a_link_that_says_another_place_is_none() {
    let html = "<p><a href='https://evil.example/'>https://bank.example/login</a> <a href='https://evil.example/'>log in</a></p>";
    let html = html::read(html).to_html();
    assert!(html.contains("<a href=\"https://bank.example/login\""), "{html}");
    assert_eq!(html.matches("evil.example").count(), 1, "{html}");
}

#[test]
fn an_excerpt_is_short_and_well_formed() {
    let source = format!("<ul><li><b>{}</b></li></ul><p>end</p>", "word ".repeat(1000));
    let description = Description::read(&source, DescriptionFormat::Auto);
    assert!(description.has_more);
    let (html, text) = (description.excerpt.to_html(), description.excerpt.to_text());
    assert!(html.ends_with("word…</strong></li>\n</ul>"), "{html}");
    assert!(text.starts_with("- word word") && text.ends_with("word…"), "{text}");
    assert!((590..=602).contains(&text.chars().count()), "{}", text.len());
    let short = Description::read("A short one.", DescriptionFormat::Auto);
    assert!(!short.has_more && short.excerpt == short.whole);
}

/// If the work grew with the square of the length, this would take minutes.
#[test]
fn bad_sources_take_little_time_and_space() {
    let parts = [
        "<div>",
        "<p>",
        "<b>",
        "<ul><li>",
        "<ol>",
        "<a href=x>",
        "</p>",
        "<script>",
        "<!--",
        "<![CDATA[",
        "&",
        "&#x1f600;",
        "&lt;",
        "<",
        "<a ",
        "<a b=c ",
        "*a_",
        "**a",
        "[",
        "![",
        "](",
        "[a](",
        "`",
        "> ",
        "- ",
        "1. ",
        "  - ",
        "#",
        "\\",
        "|",
        "\n",
        "~~",
        "<?",
        "a@b.example ",
        "www.",
        "https://a.example ",
        "http://",
        "+49301234567 ",
        "+4 ",
        "00",
        "0049 ",
        "@",
        ".",
        "://",
        "\u{301}",
        "\u{202e}",
        "é",
        "<table><tr><td>",
        "<h1>",
        "<svg>",
        "<pre>",
        "{{",
        "\u{0}",
        " ",
    ];
    for part in parts {
        let source = part.repeat(20_000 / part.len());
        for format in FORMATS {
            let begin = Instant::now();
            let description = Description::read(&source, format);
            let (html, text) = (description.whole.to_html(), description.whole.to_text());
            let took = begin.elapsed();
            assert!(took < Duration::from_secs(20), "{part:?} {format:?}: {took:?}");
            assert!(html.len() < 20 * DESCRIPTION_MAX, "{part:?} {format:?}: {}", html.len());
            assert!(text.chars().count() <= 3 * DESCRIPTION_MAX, "{part:?} {format:?}: {}", text.len());
            assert!(description.excerpt.to_html().len() < 60_000, "{part:?} {format:?}");
        }
    }
}

#[test]
fn a_link_without_an_end_is_not_repeated_without_an_end() {
    let link = format!("<a href=\"https://example.org/{}\">", "x".repeat(1900));
    for parts in ["a<p>", "a<li>", "<ul><li>a</ul>"] {
        let source = link.clone() + &parts.repeat(SOURCE_MAX / parts.len());
        let html = Description::read(&source, DescriptionFormat::Html).html();
        let lengths = html.map(|html| html.len());
        assert!(lengths.iter().all(|length| *length < 5_000_000), "{parts}: {lengths:?}");
    }
}

#[test]
fn a_long_text_is_cut() {
    let description = Description::read(&"wörd ".repeat(40_000), DescriptionFormat::Auto);
    let text = description.whole.to_text();
    assert!(text.ends_with("wörd…") && text.chars().count() <= DESCRIPTION_MAX, "{}", text.len());
}

/// Pieces of which bad sources are made.
const PIECES: &str = "(<(/?(p|b|i|a|ul|ol|li|h2|table|td|pre|script|style|svg|title)|br|img|!--)( (href|src|alt|start|onclick|style)=\
    ['\"]?(javascript:|https://[a-z]{1,3}\\.example/?|mailto:a@b\\.example|[a-z<>&\"']{0,4})['\"]?){0,2}>?|&(amp|lt|#60|#x0|quot);?|\
    [*_`#>\\[\\]()!~-]{1,3}|\n{1,2}|[ a-c]{1,5}|https?://[a-z@.:/?\"<&]{0,12}|www\\.[a-z.]{1,9}|[+0-9 ()-]{1,14}|[\u{0}\u{202e}\u{a0}é😀]){0,40}";

proptest! {
    #[test]
    fn any_source_makes_good_html(source in PIECES) {
        for format in FORMATS {
            Description::read(&source, format).html().iter().for_each(|html| properties::html::html(html));
        }
    }

    #[test]
    fn any_text_makes_good_html(source: String) {
        for format in FORMATS {
            Description::read(&source, format).html().iter().for_each(|html| properties::html::html(html));
        }
    }
}
