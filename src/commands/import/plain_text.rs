//! The bytes of a file as UTF-8 with LF as line end. A spreadsheet may have written a byte order mark, UTF-16, CRLF or CR.
//! What is no text at all is refused by name. Separators and quotes are left to `csv_lines`.

use std::io::{self, BufRead as _, BufReader, Bytes, Read};
use std::mem;
use std::slice;

use anyhow::bail;

/// Stands behind the last line, so that a quote that is never closed is noticed. NUL is in no value that is accepted.
pub const END: &str = "\0end of the file\0";

/// The same as lines.
const TAIL: &[u8] = b"\n\0end of the file\0\n";

/// Longest line in bytes, together with the line breaks in its quotes.
const MAX_LINE: usize = 1 << 20;

/// A byte that is never a part of UTF-8, in the place of what is not UTF-16.
const NOT_UTF8: u8 = 0xff;

/// Beginnings of files that are not CSV.
const OTHERS: [(&[u8], &str); 4] = [
    (b"PK\x03\x04", "is a workbook (.xlsx or .ods) or another ZIP file"),
    (b"\xd0\xcf\x11\xe0", "is a workbook of an old Excel (.xls)"),
    (b"\x1f\x8b", "is compressed (gzip)"),
    (b"%PDF", "is a PDF file"),
];

#[derive(Debug, Clone, Copy)]
enum Encoding {
    /// Or any other whose line ends are those of ASCII. Each line is checked later.
    Utf8,
    /// With the order of its bytes.
    Utf16(fn([u8; 2]) -> u16),
}

/// Reads a source as text.
pub struct PlainText<R> {
    bytes: Bytes<BufReader<R>>,
    encoding: Encoding,
    /// Bytes of a character, the last one first.
    pending: Vec<u8>,
    after_cr: bool,
    tail: slice::Iter<'static, u8>,
    position: u64,
    line_length: usize,
}

impl<R: Read> PlainText<R> {
    /// Looks at the first bytes.
    ///
    /// # Errors
    /// When it cannot be read, or is not text.
    pub fn open(source: R) -> anyhow::Result<Self> {
        let mut source = BufReader::with_capacity(1 << 16, source);
        let start = source.fill_buf()?;
        if let Some((_, what)) = OTHERS.iter().find(|(magic, _)| start.starts_with(magic)) {
            bail!("it {what}; save the table as \"CSV UTF-8\"");
        }
        let (encoding, mark) = match start {
            [0xef, 0xbb, 0xbf, ..] => (Encoding::Utf8, 3),
            [0xff, 0xfe, ..] => (Encoding::Utf16(u16::from_le_bytes), 2),
            [0xfe, 0xff, ..] => (Encoding::Utf16(u16::from_be_bytes), 2),
            [a, 0, b, 0, ..] if *a > 0 && *b > 0 => (Encoding::Utf16(u16::from_le_bytes), 0),
            [0, a, 0, b, ..] if *a > 0 && *b > 0 => (Encoding::Utf16(u16::from_be_bytes), 0),
            _ => (Encoding::Utf8, 0),
        };
        source.consume(mark);
        Ok(Self {
            bytes: source.bytes(),
            encoding,
            pending: Vec::with_capacity(4),
            after_cr: false,
            tail: TAIL.iter(),
            position: 0,
            line_length: 0,
        })
    }

    /// Bytes of the source that were read.
    pub fn position(&self) -> u64 {
        self.position
    }

    /// Says that a line was read, which may not be too long.
    pub fn begin_line(&mut self) {
        self.line_length = 0;
    }

    /// The next byte, with LF as the only line end.
    fn next(&mut self) -> io::Result<Option<u8>> {
        loop {
            let Some(byte) = self.decode()? else { return Ok(self.tail.next().copied()) };
            let after_cr = mem::replace(&mut self.after_cr, byte == b'\r');
            match byte {
                b'\n' if after_cr => {}
                b'\r' => return Ok(Some(b'\n')),
                byte => return Ok(Some(byte)),
            }
        }
    }

    /// The next byte in UTF-8.
    fn decode(&mut self) -> io::Result<Option<u8>> {
        let Encoding::Utf16(to_unit) = self.encoding else { return self.raw() };
        if let Some(byte) = self.pending.pop() {
            return Ok(Some(byte));
        }
        let Some(unit) = self.unit(to_unit)? else { return Ok(None) };
        let is_first_of_two = (0xd800..0xdc00).contains(&unit);
        let second = if is_first_of_two { self.unit(to_unit)? } else { None };
        match char::decode_utf16([Some(unit), second].into_iter().flatten()).next() {
            Some(Ok(c)) => self.pending.extend(c.encode_utf8(&mut [0; 4]).bytes().rev()),
            _ => self.pending.push(NOT_UTF8),
        }
        Ok(self.pending.pop())
    }

    /// Half a surrogate pair, which is an error, where the last byte is missing.
    fn unit(&mut self, to_unit: fn([u8; 2]) -> u16) -> io::Result<Option<u16>> {
        let Some(first) = self.raw()? else { return Ok(None) };
        Ok(Some(self.raw()?.map_or(0xdc00, |second| to_unit([first, second]))))
    }

    fn raw(&mut self) -> io::Result<Option<u8>> {
        let byte = self.bytes.next().transpose()?;
        self.position += u64::from(byte.is_some());
        Ok(byte)
    }
}

impl<R: Read> Read for PlainText<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        for (n, place) in buffer.iter_mut().enumerate() {
            match self.next()? {
                Some(byte) => *place = byte,
                None => return Ok(n),
            }
        }
        self.line_length += buffer.len();
        if self.line_length > MAX_LINE {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "a line is longer than 1 MiB"));
        }
        Ok(buffer.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8]) -> Vec<u8> {
        let mut text = Vec::new();
        PlainText::open(bytes).unwrap().read_to_end(&mut text).unwrap();
        text.strip_suffix(TAIL).unwrap().to_vec()
    }

    #[test]
    fn every_encoding_of_spreadsheets_is_read() {
        let text = "id;name\r\n1;Zoë 🎉\r\rx\n\r\n";
        let wanted = "id;name\n1;Zoë 🎉\n\nx\n\n".as_bytes();
        let units =
            |to_bytes: fn(u16) -> [u8; 2]| text.encode_utf16().flat_map(to_bytes).collect::<Vec<u8>>();
        assert_eq!(read(text.as_bytes()), wanted);
        assert_eq!(read(&[b"\xef\xbb\xbf", text.as_bytes()].concat()), wanted);
        for (mark, bytes) in [(b"\xff\xfe", units(u16::to_le_bytes)), (b"\xfe\xff", units(u16::to_be_bytes))]
        {
            assert_eq!(read(&[&mark[..], &bytes].concat()), wanted);
            assert_eq!(read(&bytes), wanted, "without a byte order mark");
        }
        assert_eq!(read(b""), b"");
    }

    #[test]
    fn what_is_not_utf_16_is_not_utf_8_either() {
        for bytes in [&b"\xff\xfea\0b"[..], b"\xff\xfea\0\x00\xdc", b"\xff\xfea\0\x3d\xd8b\0"] {
            assert!(String::from_utf8(read(bytes)).is_err(), "{bytes:?}");
        }
    }

    #[test]
    fn what_is_no_text_is_refused_by_name() {
        for (bytes, word) in
            [(&b"PK\x03\x04...."[..], "workbook"), (b"\x1f\x8b\x08", "gzip"), (b"%PDF-1.7", "PDF")]
        {
            let error = PlainText::open(bytes).err().unwrap().to_string();
            assert!(error.contains(word) && error.contains("CSV UTF-8"), "{error}");
        }
    }

    #[test]
    fn a_line_without_end_ends_in_an_error() {
        let mut text = PlainText::open(io::repeat(b'x')).unwrap();
        let mut buffer = vec![0; 1 << 18];
        assert!((0..6).any(|_| text.read(&mut buffer).is_err()));
        text.begin_line();
        text.read_exact(&mut buffer).unwrap();
    }
}
