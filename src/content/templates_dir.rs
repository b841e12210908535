//! Which files of `TEMPLATES_DIR` take the place of built-in templates, and which seem to be meant so and do not. Reading
//! them is left to `catalogue`.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use crate::content::catalogue::languages::LanguageFolder;
use crate::content::catalogue::source::{FILES_MAX, folders_in};
use crate::content::tag::Tag;
use crate::content::texts::FILE;

/// Most files that a sentence names.
const SHOWN_MAX: usize = 5;
/// How the names of templates end, ours and those of other engines, and those of texts.
const ENDINGS: [&str; 8] = ["txt", "html", "htm", "tera", "j2", "jinja", "jinja2", "toml"];

/// The folder of templates, compared with the names of the built-in ones.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TemplatesDir {
    path: PathBuf,
    /// The names of the templates that were found there.
    pub used: Vec<String>,
    /// Files that look like templates and are not used.
    unused: Vec<String>,
    names: Vec<String>,
}

impl TemplatesDir {
    /// `names` are those of the built-in templates, `used` those that the folder has for all languages; what it has for single ones is
    /// in `languages`.
    pub(super) fn new(
        path: &Path,
        mut used: Vec<String>,
        names: Vec<String>,
        languages: &[LanguageFolder],
    ) -> Self {
        used.extend(languages.iter().flat_map(LanguageFolder::used));
        let is_unused = |file: &String| !names.contains(file) && !used.contains(file);
        let unused = list_templates(path).into_iter().filter(is_unused).collect();
        let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        Self { path, used, unused, names }
    }

    /// Its path, for a sentence.
    #[must_use]
    pub fn shown(&self) -> String {
        self.path.display().to_string()
    }

    /// A sentence for each file whose name is right but for capital letters, and one for the others that are not used.
    #[must_use]
    pub fn misnamed(&self) -> Vec<String> {
        let meant = |file: &String| self.meant(file);
        let mut sentences: Vec<String> = self
            .unused
            .iter()
            .filter_map(|file| Some((file, meant(file)?)))
            .map(|(file, name)| {
                format!("TEMPLATES_DIR: {file} is not used; the name that fanmail looks for is {name}")
            })
            .collect();
        let others: Vec<&str> =
            self.unused.iter().filter(|file| meant(file).is_none()).map(String::as_str).collect();
        if !others.is_empty() {
            let more = if others.len() > SHOWN_MAX { ", …" } else { "" };
            let shown = others[..others.len().min(SHOWN_MAX)].join(", ");
            let names = self.names.join(", ");
            sentences.push(format!(
                "TEMPLATES_DIR: {shown}{more} not used; fanmail looks for {names}, and in the folder of a language, such as de, for \
                 these and {FILE}"
            ));
        }
        sentences
    }

    /// The name that differs from that of a file only in capitals, or in the order of its folders.
    fn meant(&self, file: &str) -> Option<String> {
        let is_meant = |name: &&str, file: &str| name.eq_ignore_ascii_case(file);
        let names = || self.names.iter().map(String::as_str);
        if let Some(name) = names().find(|name| is_meant(name, file)) {
            return Some(name.to_owned());
        }
        let is_language = |folder: &str| Tag::read(folder).is_some();
        if let [mail, language, file] = file.split('/').collect::<Vec<_>>()[..]
            && !is_language(mail)
            && is_language(language)
        {
            let name = names().find(|name| is_meant(name, &format!("{mail}/{file}")))?;
            return Some(format!("{language}/{name}"));
        }
        let (folder, file) = file.split_once('/').filter(|(folder, _)| is_language(folder))?;
        let name = names().chain([FILE]).find(|name| is_meant(name, file))?;
        Some(format!("{folder}/{name}"))
    }
}

impl fmt::Display for TemplatesDir {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path.display();
        if self.used.is_empty() {
            return write!(
                f,
                "TEMPLATES_DIR: no template found in {path}, so the built-in ones are used; expected at least one of {}",
                self.names.join(", ")
            );
        }
        write!(f, "templates from {path}: {}; the others are built in", self.used.join(", "))
    }
}

/// The files of the folder and of the folders in it that are named like templates, sorted. A folder of a language has folders of mails, also
/// of a route that is gone; one of a mail that has folders of languages has them in the wrong place.
fn list_templates(dir: &Path) -> Vec<String> {
    let mut files = files_in(dir, "");
    let mut list = |name: &str| {
        if files.len() < FILES_MAX {
            files.extend(files_in(&dir.join(name), &format!("{name}/")));
        }
    };
    let is_language = |name: &str| Tag::read(name).is_some();
    for name in folders_in(dir) {
        list(&name);
        for inner in folders_in(&dir.join(&name)) {
            if is_language(&name) || is_language(&inner) {
                list(&format!("{name}/{inner}"));
            }
        }
    }
    files.sort_unstable();
    files
}

fn files_in(dir: &Path, before: &str) -> Vec<String> {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten().take(FILES_MAX);
    let is_template = |path: &Path| {
        let ending = path.extension().map(|ending| ending.to_string_lossy().to_ascii_lowercase());
        ending.is_some_and(|ending| ENDINGS.contains(&ending.as_str())) && !path.is_dir()
    };
    entries
        .filter(|entry| is_template(&entry.path()))
        .map(|entry| format!("{before}{}", entry.file_name().to_string_lossy()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_that_are_not_used_are_named() {
        let dir = tempfile::tempdir().unwrap();
        for file in
            ["base.html", "README.md", "logo.png", "footer.txt", "Created/body.txt", "created/Body.HTML"]
        {
            let path = dir.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
        let names = ["base.html", "created/body.txt", "created/body.html"].map(str::to_owned).to_vec();
        let found = TemplatesDir::new(dir.path(), vec!["base.html".to_owned()], names.clone(), &[]);
        assert_eq!(
            found.misnamed(),
            [
                "TEMPLATES_DIR: Created/body.txt is not used; the name that fanmail looks for is created/body.txt",
                "TEMPLATES_DIR: created/Body.HTML is not used; the name that fanmail looks for is created/body.html",
                "TEMPLATES_DIR: footer.txt not used; fanmail looks for base.html, created/body.txt, created/body.html, and in \
                 the folder of a language, such as de, for these and texts.toml",
            ]
        );
        assert_eq!(
            found.to_string(),
            format!("templates from {}: base.html; the others are built in", dir.path().display())
        );
        let relative =
            TemplatesDir::new(Path::new("templates"), vec!["base.html".to_owned()], names.clone(), &[])
                .to_string();
        let here = std::env::current_dir().unwrap();
        assert!(
            relative.starts_with(&format!("templates from {}/templates: ", here.display())),
            "{relative}"
        );
        assert!(TemplatesDir::new(&dir.path().join("none"), Vec::new(), names, &[]).misnamed().is_empty());
    }
}
