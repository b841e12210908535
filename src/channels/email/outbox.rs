//! The dry run (`EMAIL_DUMMY_MODE=True`): sends nothing and opens no connection. With a directory (`EMAIL_OUTBOX_DIR`)
//! it writes each mail to two files, for a mail client and for a browser.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use tempfile::Builder;

use crate::channels::SendError;
use crate::channels::email::mail::Mail;
use crate::text::mask::mask;

/// Takes mails and sends none.
#[derive(Debug)]
pub struct Outbox {
    dir: Option<PathBuf>,
}

impl Outbox {
    /// An outbox that writes to `dir`, if there is one. The first mail creates the directory.
    #[must_use]
    pub fn new(dir: Option<PathBuf>) -> Self {
        Self { dir }
    }
}

impl Outbox {
    /// Writes the mail to its two files.
    ///
    /// # Errors
    /// A relay failure when the files cannot be written: the next mail would fail in the same way.
    pub fn submit(&mut self, mail: &Mail, before_body: &mut dyn FnMut() -> bool) -> Result<(), SendError> {
        if !before_body() {
            return Err(SendError::withdrawn());
        }
        let (id, to) = (mail.notification_id, mask(&mail.to));
        let Some(dir) = &self.dir else {
            log::debug!(notification = id; "dry run: {} to {to} is not sent", mail.message_id);
            return Ok(());
        };
        let name = file_name(&mail.message_id);
        fs::create_dir_all(dir)
            .and_then(|()| write(dir, &format!("{name}.html"), &mail.html))
            .and_then(|()| write(dir, &format!("{name}.eml"), &mail.as_received()))
            .map_err(|error| {
                SendError::relay_failure(format!("the outbox {} cannot be written: {error}", dir.display()))
            })?;
        log::debug!(notification = id; "dry run: {} to {to} is not sent, but written to {name}.eml", mail.message_id);
        Ok(())
    }
}

/// `n12.p34` for `<n12.p34@example.org>`: the same name on every attempt, and never a path.
fn file_name(message_id: &str) -> String {
    let id = message_id.trim_start_matches('<');
    let id = id.split('@').next().unwrap_or(id);
    let safe: String = id
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_') { c } else { '_' })
        .collect();
    safe.trim_start_matches('.').to_owned()
}

/// Writes a file atomically: under a random name first, then renamed. Only its owner may read it, and no link is followed.
fn write(dir: &Path, name: &str, content: &str) -> io::Result<()> {
    let mut unfinished = Builder::new().prefix(".fanmail-").tempfile_in(dir)?;
    unfinished.write_all(content.as_bytes())?;
    unfinished.persist(dir.join(name))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use testkit::folder::names_in;

    use super::*;
    use crate::channels::Class;
    use crate::domain::ids::NotificationId;

    fn mail(html: &str) -> Mail {
        Mail {
            notification_id: NotificationId(1),
            envelope_from: "events@example.com".into(),
            to: "ada@example.com".to_owned(),
            message_id: "<n12.p34@example.org>".to_owned(),
            data: "Subject: hi\r\n\r\n..hi\r\n.\r\n".to_owned(),
            size: 20,
            html: html.to_owned(),
        }
    }

    #[test]
    fn a_mail_becomes_two_files_and_a_retry_the_same_two() {
        let temporary = tempfile::tempdir().unwrap();
        let dir = temporary.path().join("not/yet/there");
        let mut outbox = Outbox::new(Some(dir.clone()));
        let mut calls = 0;
        let mut before_body = || {
            calls += 1;
            true
        };
        outbox.submit(&mail("<p>one"), &mut before_body).unwrap();
        outbox.submit(&mail("<p>two"), &mut before_body).unwrap();
        assert_eq!(outbox.submit(&mail("<p>three"), &mut || false), Err(SendError::withdrawn()));
        assert_eq!(calls, 2);
        assert_eq!(names_in(&dir), ["n12.p34.eml", "n12.p34.html"]);
        assert_eq!(fs::read_to_string(dir.join("n12.p34.html")).unwrap(), "<p>two");
        assert_eq!(fs::read_to_string(dir.join("n12.p34.eml")).unwrap(), "Subject: hi\r\n\r\n.hi\r\n");
    }

    #[test]
    fn only_the_owner_may_read_a_mail_and_links_are_replaced() {
        let temporary = tempfile::tempdir().unwrap();
        let (dir, other) = (temporary.path().join("outbox"), temporary.path().join("other"));
        fs::create_dir(&dir).unwrap();
        fs::write(&other, "of another user").unwrap();
        symlink(&other, dir.join("n12.p34.eml")).unwrap();
        Outbox::new(Some(dir.clone())).submit(&mail("<p>one"), &mut || true).unwrap();
        for name in names_in(&dir) {
            let found = fs::symlink_metadata(dir.join(&name)).unwrap();
            assert_eq!((found.is_file(), found.permissions().mode() & 0o777), (true, 0o600), "{name}");
        }
        assert_eq!(fs::read_to_string(other).unwrap(), "of another user");
    }

    #[test]
    fn without_a_directory_nothing_is_written() {
        let mut called = false;
        Outbox::new(None)
            .submit(&mail(""), &mut || {
                called = true;
                true
            })
            .unwrap();
        assert!(called);
    }

    #[test]
    fn an_outbox_that_cannot_be_written_is_a_relay_failure() {
        let temporary = tempfile::tempdir().unwrap();
        let file = temporary.path().join("file");
        fs::write(&file, "in the way").unwrap();
        let error = Outbox::new(Some(file)).submit(&mail(""), &mut || true).unwrap_err();
        assert_eq!((error.class, error.code), (Class::RelayFailure, None));
        assert!(error.detail.contains("cannot be written"), "{}", error.detail);

        // A directory has the name of the file: the rename fails, and no temporary file is left.
        let dir = temporary.path().join("outbox");
        fs::create_dir_all(dir.join("n12.p34.html/x")).unwrap();
        Outbox::new(Some(dir.clone())).submit(&mail(""), &mut || true).unwrap_err();
        assert_eq!(names_in(&dir), ["n12.p34.html"]);
    }

    #[test]
    fn a_file_name_is_never_a_path() {
        assert_eq!(file_name("<n1.p2@example.org>"), "n1.p2");
        assert_eq!(file_name("<../../etc/x@y>"), "_.._etc_x");
    }
}
