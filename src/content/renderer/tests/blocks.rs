//! Blocks that a template fills and its frame does not have.

use super::*;

/// A frame of one's own lacks blocks that the built-in templates fill.
#[test]
fn a_block_that_the_own_frame_lacks_is_told_with_those_of_both_frames() {
    let dir = tempfile::tempdir().unwrap();
    let frame = dir.path().join("base.txt");
    fs::write(&frame, "{% block intro %}{% endblock %}").unwrap();
    let error = Templates::load(&ContentConfig::with_templates(dir.path())).unwrap_err().to_string();
    let told = format!(
        " is not defined in any parent template; known blocks of {}: intro; the built-in base.txt has: intro, message, details, \
         button, more, footer",
        frame.display()
    );
    assert!(error.contains(&told), "{error}");
}
