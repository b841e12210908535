//! Reads one variable at a time and collects the problems. Knows the form of values (number, host, secret); which
//! variables exist is left to the sections.

use std::fmt::Display;
use std::fs;
use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use lettre::Address;

use crate::config::problem::{ConfigErrors, Problem};
use crate::config::secret::Secret;

/// Reads values and collects problems. Values but secrets are trimmed, and an empty value counts as not set. After an invalid value
/// reading continues with the default, so that all problems are found.
pub struct Reader<'a> {
    lookup: &'a dyn Fn(&str) -> Option<String>,
    problems: Vec<Problem>,
}

impl<'a> Reader<'a> {
    pub fn new(lookup: &'a dyn Fn(&str) -> Option<String>) -> Self {
        Self { lookup, problems: Vec::new() }
    }

    /// Ends reading.
    ///
    /// # Errors
    /// All problems, if there are any.
    pub fn finish(self) -> Result<(), ConfigErrors> {
        if self.problems.is_empty() {
            return Ok(());
        }
        Err(ConfigErrors::new(self.problems))
    }

    /// Adds a problem; `sentence` continues after the name of the variable. Only the first problem of a variable (or of
    /// its `_FILE`) is kept, because further ones follow from it.
    pub fn problem(&mut self, name: &str, sentence: String) {
        let base = |name: &str| name.strip_suffix("_FILE").unwrap_or(name).to_owned();
        if !self.problems.iter().any(|known| base(known.variable()) == base(name)) {
            self.problems.push(Problem::new(name, sentence));
        }
    }

    /// Adds the problem of a value that is no secret.
    pub fn invalid(&mut self, name: &str, value: &str, expected: &str) {
        self.problem(name, format!("is {}; expected {expected}", quote(value)));
    }

    /// A value, trimmed.
    pub fn text(&mut self, name: &str) -> Option<String> {
        self.untrimmed(name).map(|value| value.trim().to_owned())
    }

    /// A value with the blanks around it, unless it has nothing else.
    fn untrimmed(&mut self, name: &str) -> Option<String> {
        let value = (self.lookup)(name)?;
        if value.contains(char::REPLACEMENT_CHARACTER) {
            self.problem(name, "is not UTF-8 text; save it as UTF-8 and set it again".to_owned());
            return None;
        }
        (!value.trim().is_empty()).then_some(value)
    }

    /// A setting that has two names. Both may be set, to the same value.
    pub fn either<T: PartialEq>(
        &mut self,
        names: [&str; 2],
        read: impl Fn(&mut Self, &str) -> Option<T>,
    ) -> Option<T> {
        let [first, second] = names.map(|name| read(self, name));
        if first.is_some() && second.is_some() && first != second {
            let [first, second] = names;
            let sentence =
                format!("and {first} are two names of one setting, but have different values; remove one");
            self.problem(second, sentence);
        }
        first.or(second)
    }

    /// A value that `parse` accepts.
    pub fn parsed<T>(&mut self, name: &str, expected: &str, parse: impl Fn(&str) -> Option<T>) -> Option<T> {
        let value = self.text(name)?;
        let parsed = parse(&value);
        if parsed.is_none() {
            self.invalid(name, &value, expected);
        }
        parsed
    }

    /// A value that `parse` accepts. Its error is a sentence that continues after the name of the variable.
    pub fn checked<T>(&mut self, name: &str, parse: impl Fn(&str) -> Result<T, String>) -> Option<T> {
        let value = self.text(name)?;
        parse(&value).map_err(|sentence| self.problem(name, sentence)).ok()
    }

    /// Text on one line.
    pub fn line(&mut self, name: &str, max: usize) -> Option<String> {
        let expected = format!("text on one line, of at most {max} characters");
        self.parsed(name, &expected, |value| {
            let is_line = !value.chars().any(char::is_control) && value.chars().count() <= max;
            is_line.then(|| value.to_owned())
        })
    }

    /// Text in one or more lines.
    pub fn lines(&mut self, name: &str, max: usize) -> Option<String> {
        let value = self.text(name)?;
        let length = value.chars().count();
        if length > max {
            let expected = format!("text of at most {max} characters (this has {length})");
            self.invalid(name, &value, &expected);
            return None;
        }
        Some(value)
    }

    /// An address without a name.
    pub fn address(&mut self, name: &str) -> Option<String> {
        let expected = "one address such as events@example.org, without a name; write a domain with non-ASCII letters in \
                        its xn-- form";
        self.parsed(name, expected, |value| is_address(value).then(|| value.to_owned()))
    }

    /// A whole number within `range`.
    pub fn integer<T>(&mut self, name: &str, range: &RangeInclusive<T>) -> Option<T>
    where
        T: FromStr + PartialOrd + Display,
    {
        let expected = format!("a whole number from {} to {}", range.start(), range.end());
        self.parsed(name, &expected, |value| value.parse().ok().filter(|number| range.contains(number)))
    }

    /// Seconds within `range`, fractions allowed.
    pub fn seconds(&mut self, name: &str, default: u64, range: &RangeInclusive<f64>) -> Duration {
        let expected = format!("seconds, from {} to {}", range.start(), range.end());
        self.parsed(name, &expected, |value| {
            let seconds = value.parse().ok().filter(|seconds| range.contains(seconds))?;
            Duration::try_from_secs_f64(seconds).ok()
        })
        .unwrap_or(Duration::from_secs(default))
    }

    /// A boolean, in the words that Python services accept.
    pub fn flag(&mut self, name: &str) -> Option<bool> {
        self.parsed(name, "True or False", |value| match value.to_ascii_lowercase().as_str() {
            "true" | "yes" | "on" | "1" => Some(true),
            "false" | "no" | "off" | "0" => Some(false),
            _ => None,
        })
    }

    /// A path. Whether the file exists is checked when it is opened.
    pub fn path(&mut self, name: &str) -> Option<PathBuf> {
        self.text(name).map(PathBuf::from)
    }

    /// A host name or an address, without brackets.
    pub fn host(&mut self, name: &str) -> Option<String> {
        self.parsed(name, "a host name or an address, without scheme and port", parse_host)
    }

    /// A value that must not be shown: from the variable, from the file that `<name>_FILE` names, or from a credential of systemd. Blanks
    /// at its ends are part of it; the line end behind it is not.
    pub fn secret(&mut self, name: &str) -> Option<Secret> {
        let file_name = format!("{name}_FILE");
        let value = self.untrimmed(name);
        let (file, variable, other) = match self.text(&file_name) {
            Some(path) => (Some(PathBuf::from(path)), file_name.as_str(), file_name.clone()),
            None => (self.credential(name), name, format!("the credential {}", name.to_ascii_lowercase())),
        };
        match (value, file) {
            (Some(_), Some(_)) => {
                self.problem(name, format!("is set, and {other} as well; keep one of them"));
                None
            }
            (Some(value), None) => Some(Secret::new(without_line_end(&value).to_owned())),
            (None, file) => self.secret_of_file(variable, &file?),
        }
    }

    /// Whether [`Reader::secret`] has something to read.
    pub fn has_secret(&mut self, name: &str) -> bool {
        let is_set = [name, &format!("{name}_FILE")].iter().any(|name| self.text(name).is_some());
        is_set || self.credential(name).is_some()
    }

    /// The file of the credential of this name in small letters, if there is one (`LoadCredential=` of systemd).
    fn credential(&mut self, name: &str) -> Option<PathBuf> {
        let path = PathBuf::from(self.text("CREDENTIALS_DIRECTORY")?).join(name.to_ascii_lowercase());
        let exists = path.try_exists();
        if let Err(error) = &exists {
            let sentence = format!("names a directory in which {} cannot be read: {error}", path.display());
            self.problem("CREDENTIALS_DIRECTORY", sentence);
        }
        exists.is_ok_and(|exists| exists).then_some(path)
    }

    /// The secret in the file at `path`, which the variable `name` stands for.
    fn secret_of_file(&mut self, name: &str, path: &Path) -> Option<Secret> {
        match fs::read_to_string(path) {
            Ok(content) => {
                let content = without_line_end(&content);
                if !content.is_empty() {
                    return Some(Secret::new(content.to_owned()));
                }
                self.invalid(
                    name,
                    &path.to_string_lossy(),
                    "a file that contains the value, but this file is empty",
                );
            }
            Err(error) => {
                let expected = format!("a file that can be read, but: {error}");
                self.invalid(name, &path.to_string_lossy(), &expected);
            }
        }
        None
    }
}

fn without_line_end(text: &str) -> &str {
    let text = text.strip_suffix('\n').unwrap_or(text);
    text.strip_suffix('\r').unwrap_or(text)
}

/// A value for an error text, without the login in a URL, cut to 80 characters.
fn quote(value: &str) -> String {
    const MAX_CHARS: usize = 80;
    let without_login = value.split_once("://").and_then(|(scheme, rest)| {
        let (_, behind) = rest.rsplit_once('@')?;
        Some(format!("{scheme}://***@{behind}"))
    });
    let value = without_login.as_deref().unwrap_or(value);
    if value.chars().count() <= MAX_CHARS {
        return format!("{value:?}");
    }
    format!("{:?}…", value.chars().take(MAX_CHARS).collect::<String>())
}

/// A host name (letters, digits, `-`, `_`, `.`) or an IP address; brackets of IPv6 are removed.
pub fn parse_host(text: &str) -> Option<String> {
    let bare = text.trim_start_matches('[').trim_end_matches(']');
    let is_name = text.chars().all(|c| c.is_alphanumeric() || matches!(c, '-' | '_' | '.'));
    (!text.is_empty() && (is_name || bare.parse::<IpAddr>().is_ok())).then(|| bare.to_owned())
}

/// Whether this is one address in ASCII, without a name.
pub fn is_address(value: &str) -> bool {
    value.is_ascii() && value.parse::<Address>().is_ok()
}

/// Whether `host` is certainly this machine, so that plain text does not cross a network. Names that DNS decides do not
/// count; a dot after an address makes it such a name.
pub fn is_loopback(host: &str) -> bool {
    let is_name = host.strip_suffix('.').unwrap_or(host).eq_ignore_ascii_case("localhost");
    is_name || host.parse::<IpAddr>().is_ok_and(|address| address.to_canonical().is_loopback())
}
