//! Where mails are read from: standard input, a Maildir and an mbox. Only the beginning of a large mail is kept: a report stands before
//! the mail that it returns.

use std::fs::{self, File};
use std::io::{self, BufRead, ErrorKind, Read};
use std::path::{Path, PathBuf};

/// Most bytes of a mail that are kept.
pub const MAX_MAIL: usize = 1024 * 1024;

/// Bytes of a line that are read at once.
const PIECE: u64 = 8 * 1024;

/// Reads a mail to its end: a mail server that cannot write all of it takes that for a failure.
///
/// # Errors
/// When it cannot be read.
pub fn read_stream(stream: &mut dyn Read) -> io::Result<Vec<u8>> {
    let mail = read_beginning(stream)?;
    io::copy(stream, &mut io::sink())?;
    Ok(mail)
}

fn read_beginning(stream: &mut dyn Read) -> io::Result<Vec<u8>> {
    let mut mail = Vec::new();
    stream.take(MAX_MAIL as u64).read_to_end(&mut mail)?;
    Ok(mail)
}

/// A folder of mails, one file each (<https://cr.yp.to/proto/maildir.html>).
pub struct Maildir<'a>(&'a Path);

impl<'a> Maildir<'a> {
    /// The folder that has `new` and `cur`.
    ///
    /// # Errors
    /// When it has not.
    pub fn open(path: &'a Path) -> io::Result<Self> {
        for folder in ["new", "cur"] {
            if !path.join(folder).is_dir() {
                let what = format!("it has no folder {folder}, so it is no Maildir");
                return Err(io::Error::new(ErrorKind::NotFound, what));
            }
        }
        Ok(Self(path))
    }

    /// The files of new mails, the oldest name first. What is no file is left out, links too.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn list_new(&self) -> io::Result<Vec<PathBuf>> {
        let mut files = Vec::new();
        for entry in fs::read_dir(self.0.join("new"))? {
            let entry = entry?;
            if entry.file_type()?.is_file() {
                files.push(entry.path());
            }
        }
        files.sort_unstable();
        Ok(files)
    }

    /// Reads one; `None` if another program has taken it meanwhile.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn read(file: &Path) -> io::Result<Option<Vec<u8>>> {
        match File::open(file) {
            Ok(mut file) => read_beginning(&mut file).map(Some),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Moves one to `cur`, as seen.
    ///
    /// # Errors
    /// When it cannot be moved.
    pub fn mark_seen(&self, file: &Path) -> io::Result<()> {
        let mut name = file.file_name().unwrap_or_default().to_owned();
        if !name.to_string_lossy().contains(":2,") {
            name.push(":2,S");
        }
        match fs::rename(file, self.0.join("cur").join(name)) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }
}

/// The mails of an mbox (RFC 4155), one after another: a mail begins with a line `From ` behind an empty line.
pub struct Mbox<R> {
    reader: R,
    /// Whether the separator before the next mail has been read.
    at_mail: bool,
}

impl<R: BufRead> Mbox<R> {
    /// Reads the first separator.
    ///
    /// # Errors
    /// When it cannot be read, or is no mbox.
    pub fn open(mut reader: R) -> io::Result<Self> {
        let begin = reader.fill_buf()?;
        if begin.is_empty() {
            return Ok(Self { reader, at_mail: false });
        }
        if !begin.starts_with(b"From ") {
            return Err(io::Error::new(
                ErrorKind::InvalidData,
                "it does not begin with `From `, so it is no mbox",
            ));
        }
        let mut piece = Vec::new();
        while read_piece(&mut reader, &mut piece)? && !piece.ends_with(b"\n") {}
        Ok(Self { reader, at_mail: true })
    }

    fn read_mail(&mut self) -> io::Result<Vec<u8>> {
        let (mut mail, mut piece) = (Vec::new(), Vec::new());
        let (mut at_line_start, mut behind_empty) = (true, false);
        let mut in_separator = false;
        self.at_mail = false;
        while read_piece(&mut self.reader, &mut piece)? {
            in_separator |= at_line_start && behind_empty && piece.starts_with(b"From ");
            behind_empty = at_line_start && matches!(&piece[..], b"\n" | b"\r\n");
            at_line_start = piece.ends_with(b"\n");
            if in_separator && at_line_start {
                self.at_mail = true;
                break;
            }
            if !in_separator {
                let room = MAX_MAIL - mail.len();
                mail.extend_from_slice(&piece[..piece.len().min(room)]);
            }
        }
        Ok(mail)
    }
}

impl<R: BufRead> Iterator for Mbox<R> {
    type Item = io::Result<Vec<u8>>;

    fn next(&mut self) -> Option<Self::Item> {
        self.at_mail.then(|| self.read_mail())
    }
}

/// Reads a line, or a piece of one that is long. Returns whether there was one.
fn read_piece(reader: &mut dyn BufRead, piece: &mut Vec<u8>) -> io::Result<bool> {
    piece.clear();
    reader.take(PIECE).read_until(b'\n', piece).map(|read| read > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mails(mbox: &[u8]) -> Vec<String> {
        let mails = Mbox::open(mbox).unwrap().map(|mail| String::from_utf8(mail.unwrap()).unwrap());
        mails.collect()
    }

    #[test]
    fn an_mbox_is_read_mail_by_mail() {
        assert!(mails(b"").is_empty());
        let mbox = b"From MAILER-DAEMON Fri Nov 27 10:00:00 2026\nTo: a\n\none\nFrom here\n\nFrom b\r\nTo: b\r\n\r\ntwo\r\n";
        assert_eq!(mails(mbox), ["To: a\n\none\nFrom here\n\n", "To: b\r\n\r\ntwo\r\n"]);
        assert_eq!(mails(b"From a\n\nFrom b\n"), ["\n", ""]);
        assert_eq!(mails(b"From a"), [""]);
        assert!(Mbox::open(&b"To: a\n\n"[..]).is_err());
    }

    #[test]
    fn of_a_large_mail_only_the_beginning_is_kept() {
        let large = vec![b'x'; 3 * MAX_MAIL];
        assert_eq!(read_stream(&mut &large[..]).unwrap().len(), MAX_MAIL);
        let mbox = [b"From a\n", &large[..], b"\n\nFrom b\nTo: b\n"].concat();
        let found = mails(&mbox);
        assert_eq!((found.len(), found[0].len(), found[1].as_str()), (2, MAX_MAIL, "To: b\n"));
        let long_separator = [b"From a\n\n\nFrom ", &large[..], b"\nTo: b\n"].concat();
        assert_eq!(mails(&long_separator), ["\n\n", "To: b\n"]);
    }

    #[test]
    fn mails_of_a_maildir_are_moved_when_they_are_read() {
        let dir = tempfile::tempdir().unwrap();
        assert!(Maildir::open(dir.path()).is_err());
        for folder in ["new", "cur", "tmp", "new/folder"] {
            fs::create_dir(dir.path().join(folder)).unwrap();
        }
        for name in ["2.b", "1.a"] {
            fs::write(dir.path().join("new").join(name), name).unwrap();
        }
        let maildir = Maildir::open(dir.path()).unwrap();
        let files = maildir.list_new().unwrap();
        assert_eq!(files.iter().map(|file| file.file_name().unwrap()).collect::<Vec<_>>(), ["1.a", "2.b"]);
        assert_eq!(Maildir::read(&files[0]).unwrap().unwrap(), b"1.a");
        maildir.mark_seen(&files[0]).unwrap();
        assert_eq!(maildir.list_new().unwrap().len(), 1);
        assert!(dir.path().join("cur/1.a:2,S").exists());
        assert!(Maildir::read(&files[0]).unwrap().is_none());
        maildir.mark_seen(&files[0]).unwrap();
    }
}
