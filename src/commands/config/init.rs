//! `fanmail config init`: writes a `.env` that explains every variable.

use std::fs;
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Args;

use crate::commands::config::example::EXAMPLE;
use crate::commands::output::print_text;

/// Only its owner may read it: passwords will be in it.
const MODE: u32 = 0o600;

/// Write a .env that explains every variable
///
/// It shows the defaults, and works as it is for a first try without mail. Only its owner may read it (mode 0600).
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  fanmail config init
  fanmail config init --out /etc/fanmail/.env")]
pub struct InitArgs {
    /// The file to write; - is standard output
    #[arg(long, value_name = "FILE", default_value = ".env")]
    pub out: PathBuf,
    /// Write it even if there is one, whose content is lost
    #[arg(long)]
    pub force: bool,
}

/// Writes the file.
///
/// # Errors
/// When there is one, or it cannot be written.
pub fn run(args: &InitArgs) -> anyhow::Result<ExitCode> {
    let path = &args.out;
    if path.as_os_str() == "-" {
        print_text(EXAMPLE)?;
        return Ok(ExitCode::SUCCESS);
    }
    if args.force {
        replace(path).with_context(|| format!("cannot write {}", path.display()))?;
    } else {
        let mut options = fs::OpenOptions::new();
        match options.write(true).create_new(true).mode(MODE).open(path) {
            Ok(mut file) => file.write_all(EXAMPLE.as_bytes())?,
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                anyhow::bail!(
                    "{} exists, and is left as it is; name another file with --out, or overwrite it with --force",
                    path.display()
                );
            }
            Err(error) => {
                return Err(error).with_context(|| format!("cannot create {}", path.display()));
            }
        }
    }
    println!("wrote {}; change what you need there, and test it with: fanmail check", path.display());
    Ok(ExitCode::SUCCESS)
}

/// The old file is there until the new one is complete. A new file has the right mode, whatever the old one had.
fn replace(path: &Path) -> std::io::Result<()> {
    let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(dir)?;
    file.write_all(EXAMPLE.as_bytes())?;
    file.persist(path)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_file_is_written_for_its_owner_and_none_is_overwritten_unasked() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(".env");
        let written = || {
            (
                fs::read_to_string(&path).unwrap() == EXAMPLE,
                fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            )
        };
        run(&InitArgs { out: path.clone(), force: false }).unwrap();
        assert_eq!(written(), (true, 0o600));
        fs::write(&path, "SMTP_PASSWORD=MARKER").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        let error = run(&InitArgs { out: path.clone(), force: false }).unwrap_err().to_string();
        assert!(error.ends_with(".env exists, and is left as it is; name another file with --out, or overwrite it with --force"), "{error}");
        assert!(!written().0);
        run(&InitArgs { out: path.clone(), force: true }).unwrap();
        assert_eq!(written(), (true, 0o600));
        let error = run(&InitArgs { out: dir.path().join("none/.env"), force: false }).unwrap_err();
        assert!(format!("{error:#}").contains("none/.env: No such file"), "{error:#}");
    }
}
