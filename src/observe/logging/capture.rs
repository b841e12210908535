//! The log lines of a test: what the thread of the test logs while a function runs.

use std::cell::RefCell;
use std::sync::Once;

use log::{LevelFilter, Log, Metadata, Record};

use crate::text::mask::mask;

static INSTALLED: Once = Once::new();

thread_local! {
    static LINES: RefCell<Option<Vec<String>>> = const { RefCell::new(None) };
}

struct Capture;

/// Lines from INFO on, such as `WARN the relay does not work`, that this thread logs meanwhile.
pub fn lines_of(run: impl FnOnce()) -> Vec<String> {
    INSTALLED.call_once(|| {
        if log::set_boxed_logger(Box::new(Capture)).is_ok() {
            log::set_max_level(LevelFilter::Info);
        }
    });
    LINES.set(Some(Vec::new()));
    run();
    LINES.take().unwrap_or_default()
}

impl Log for Capture {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &Record<'_>) {
        let line = || format!("{} {}", record.level(), mask(&record.args().to_string()));
        LINES.with_borrow_mut(|lines| lines.as_mut().into_iter().for_each(|lines| lines.push(line())));
    }

    fn flush(&self) {}
}
