//! `smtp-to-files FOLDER`: an SMTP server for `scripts/demo`, on a free port of loopback, which it prints. It accepts every mail, delivers
//! none, and writes each into the folder before it says so. It runs until it is killed.

use std::path::PathBuf;
use std::{env, thread};

use testkit::smtp::SmtpServer;

fn main() {
    let folder = env::args_os().nth(1).map(PathBuf::from);
    assert!(folder.as_ref().is_some_and(|folder| folder.is_dir()), "usage: smtp-to-files FOLDER");
    let server = SmtpServer::start();
    server.configure(|settings| {
        settings.folder = folder;
        settings.discards_bodies = true;
    });
    println!("{}", server.port);
    loop {
        thread::park();
    }
}
