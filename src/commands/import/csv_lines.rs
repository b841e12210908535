//! The lines of a CSV file: its separator, its header line, and its records with the number of the line on which each begins.
//! Which headers there may be is left to `columns`.

use std::fs::File;
use std::io::{BufRead as _, BufReader};

use anyhow::{Context as _, anyhow, bail};
use csv::{ByteRecord, Reader, ReaderBuilder, Terminator};

use crate::commands::import::csv_file::CsvFile;
use crate::commands::import::plain_text::{END, PlainText};

/// The separators that are looked for. Of two that fit equally well, the first one is taken.
const SEPARATORS: [u8; 4] = [b',', b';', b'\t', b'|'];

/// The text that some spreadsheets write before the header line, to name the separator.
const SEPARATOR_LINE: &str = "sep=";

/// The records of a file below its header line.
pub struct CsvLines {
    /// The headers.
    pub headers: Vec<String>,
    reader: Reader<PlainText<File>>,
}

impl CsvLines {
    /// Reads the header line. Without a `separator`, the one that gives the most headers of which `is_known` is taken.
    ///
    /// # Errors
    /// When the file cannot be read or is empty.
    pub fn open(
        file: &CsvFile,
        separator: Option<u8>,
        is_known: impl Fn(&str) -> bool,
    ) -> anyhow::Result<Self> {
        let (named, first) = read_start(file)?;
        let separator = separator.or(named).unwrap_or_else(|| find_separator(&first, is_known));
        let mut reader = reader_of(file.text()?, separator);
        let mut record = ByteRecord::new();
        if named.is_some() {
            read(&mut reader, &mut record)?;
        }
        read(&mut reader, &mut record)?.ok_or_else(empty)?;
        let headers = record.iter().map(|header| String::from_utf8_lossy(header).trim().to_owned()).collect();
        Ok(Self { headers, reader })
    }

    /// Reads the next record that is not blank. Returns the number of its first line; `None` at the end.
    ///
    /// # Errors
    /// When the file cannot be read, or a quote is never closed.
    pub fn next(&mut self, record: &mut ByteRecord) -> anyhow::Result<Option<u64>> {
        read(&mut self.reader, record)
    }

    /// Bytes of the file that were read.
    pub fn position(&self) -> u64 {
        self.reader.get_ref().position()
    }
}

fn reader_of(text: PlainText<File>, separator: u8) -> Reader<PlainText<File>> {
    ReaderBuilder::new()
        .delimiter(separator)
        .has_headers(false)
        .flexible(true)
        // So that a record ends with its line end, and not before a second byte of it.
        .terminator(Terminator::Any(b'\n'))
        .from_reader(text)
}

fn read(reader: &mut Reader<PlainText<File>>, record: &mut ByteRecord) -> anyhow::Result<Option<u64>> {
    loop {
        let before = reader.position().line();
        reader.get_mut().begin_line();
        match reader.read_byte_record(record) {
            Ok(true) => {}
            Ok(false) => return Ok(None),
            Err(error) => {
                return Err(anyhow!(error)).with_context(|| {
                    format!("line {before} or below: a quote (\") is probably opened and not closed there")
                });
            }
        }
        let breaks = memchr::memchr_iter(b'\n', record.as_slice()).count() as u64;
        let number = reader.position().line() - 1 - breaks;
        if record.len() == 1 && record.get(0) == Some(END.as_bytes()) {
            return Ok(None);
        }
        if memchr::memmem::find(record.as_slice(), END.as_bytes()).is_some() {
            // It has no line end.
            let number = number + 1;
            bail!(
                "line {number}: a quote (\") is opened and never closed; close it, or write \"\" for a quote in a value"
            );
        }
        if record.iter().any(|field| !field.trim_ascii().is_empty()) {
            return Ok(Some(number));
        }
    }
}

/// The separator that the file names, and its header line.
fn read_start(file: &CsvFile) -> anyhow::Result<(Option<u8>, Vec<u8>)> {
    let mut text = BufReader::new(file.text()?);
    let first = loop {
        let mut line = Vec::new();
        text.read_until(b'\n', &mut line).context("the first line")?;
        if line.trim_ascii() == END.as_bytes() {
            return Err(empty());
        }
        if !line.trim_ascii().is_empty() {
            line.pop();
            break line;
        }
    };
    let is_separator_line = first.to_ascii_lowercase().starts_with(SEPARATOR_LINE.as_bytes());
    let named = first.get(SEPARATOR_LINE.len()).filter(|_| is_separator_line && first.len() == 5).copied();
    Ok((named, first))
}

fn empty() -> anyhow::Error {
    anyhow!("it is empty; expected a header line, and a line for each row")
}

/// The separator that gives the most known headers; if there is none, the one that gives the most headers.
fn find_separator(line: &[u8], is_known: impl Fn(&str) -> bool) -> u8 {
    let mut best = (SEPARATORS[0], (0, 0));
    for separator in SEPARATORS {
        let mut reader = ReaderBuilder::new().delimiter(separator).has_headers(false).from_reader(line);
        let mut record = ByteRecord::new();
        if !reader.read_byte_record(&mut record).unwrap_or(false) {
            continue;
        }
        let known = record.iter().filter(|header| is_known(&String::from_utf8_lossy(header))).count();
        if (known, record.len()) > best.1 {
            best = (separator, (known, record.len()));
        }
    }
    best.0
}
