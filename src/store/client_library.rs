//! The client library of the database that this process has loaded: its file and its version, for people. Whether it reads
//! rightly is left to `known_rows`.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

/// Longest version with its dots.
const MAX_VERSION: usize = 11;

/// A library that the process has loaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientLibrary {
    path: PathBuf,
    /// The versions that its file names: `MariaDB`'s names its own and that of the server it was built with.
    versions: Vec<String>,
}

impl ClientLibrary {
    /// The library whose file name begins with one of `names`. `None` where the system does not tell (only Linux does), or
    /// when the library is a part of this program.
    #[must_use]
    pub fn find(names: &[&str]) -> Option<Self> {
        let maps = fs::read_to_string("/proc/self/maps").ok()?;
        let path = find_path(&maps, names)?;
        let versions = fs::read(&path).map(|file| versions_in(&file)).unwrap_or_default();
        Some(Self { path: path.canonicalize().unwrap_or(path), versions })
    }
}

impl fmt::Display for ClientLibrary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.path.display())?;
        if self.versions.is_empty() { Ok(()) } else { write!(f, ", version {}", self.versions.join(" / ")) }
    }
}

/// The cause of an error: one of these libraries returns other data than the database has.
#[must_use]
pub fn misread(problem: &str, names: &[&str]) -> String {
    let library = ClientLibrary::find(names).map(|library| format!(" ({library})")).unwrap_or_default();
    format!("the client library{library} reads wrong data: {problem}")
}

/// The path of the first mapped file with one of these names (proc(5), `maps`).
fn find_path(maps: &str, names: &[&str]) -> Option<PathBuf> {
    let paths = maps.lines().filter_map(|line| line.find('/').map(|start| Path::new(&line[start..])));
    let mut of_library = paths.filter(|path| {
        let file = path.file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
        names.iter().any(|name| file.starts_with(name))
    });
    of_library.next().map(Path::to_path_buf)
}

/// The C strings of a file that are three numbers with dots between them.
fn versions_in(file: &[u8]) -> Vec<String> {
    let words = file.split(|byte| *byte == 0).filter(|word| (5..=MAX_VERSION).contains(&word.len()));
    let versions = words.filter_map(|word| std::str::from_utf8(word).ok()).filter(|word| {
        let numbers: Vec<&str> = word.split('.').collect();
        numbers.len() == 3
            && numbers.iter().all(|n| !n.is_empty() && n.bytes().all(|byte| byte.is_ascii_digit()))
    });
    versions.map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_library_is_found_among_the_mapped_files() {
        let maps = "55e0-55e1 r--p 00000000 08:01 1 /usr/bin/libmariadb-user\n\
                    7f00-7f01 rw-p 00000000 00:00 0 \n\
                    7f01-7f02 r-xp 00000000 08:01 2 /opt/my libs/libmariadb.so.3\n";
        let names = ["libmariadb.so", "libmysqlclient.so"];
        assert_eq!(find_path(maps, &names), Some(PathBuf::from("/opt/my libs/libmariadb.so.3")));
        assert_eq!(find_path(maps, &["libpq.so"]), None);
    }

    #[test]
    fn versions_are_whole_strings() {
        let file = b"\x7fELF\0mysql_x\x003.3.20\x00TLS 1.2.3\x005.5.5-\x0010.11.19\x001..2\x001.2.3.4\x00";
        assert_eq!(versions_in(file), ["3.3.20", "10.11.19"]);
        let library =
            ClientLibrary { path: PathBuf::from("/l/libmariadb.so.3"), versions: versions_in(file) };
        assert_eq!(library.to_string(), "/l/libmariadb.so.3, version 3.3.20 / 10.11.19");
    }
}
