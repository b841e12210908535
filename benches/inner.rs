//! Time and allocations of the inner parts of a mail: `cargo bench --bench inner`. Whole mails are measured by
//! `scripts/bench`, and instructions by `scripts/instructions`.

#![expect(clippy::unwrap_used, reason = "a bench fails like a test")]

mod parts;

use divan::counter::ItemsCount;
use divan::{AllocProfiler, Bencher, black_box};
use fanmail::domain::event_key_type::EventKeyType;
use fanmail::domain::message::Message;
use testkit::dkim::TestKey;

use parts::{BODY, Mails, PAGE, SignedMails, Tables};

/// Enough that the pages are not all in the cache.
const PARTICIPANTS: u32 = 100_000;

#[global_allocator]
static ALLOCATIONS: AllocProfiler = AllocProfiler::system();

fn main() {
    divan::main();
}

#[divan::bench]
fn decode(bencher: Bencher<'_, '_>) {
    bencher.bench(|| Message::decode(black_box(BODY), EventKeyType::Number));
}

#[divan::bench]
fn render(bencher: Bencher<'_, '_>) {
    let mails = Mails::new();
    bencher.bench_local(|| mails.render());
}

#[divan::bench]
fn compose(bencher: Bencher<'_, '_>) {
    let mut mails = Mails::new();
    let render = mails.render();
    bencher.with_inputs(|| render.clone()).bench_local_values(|render| mails.compose(render));
}

#[divan::bench]
fn unsubscribe_link(bencher: Bencher<'_, '_>) {
    let mails = Mails::new();
    bencher.bench_local(|| mails.link());
}

#[divan::bench]
fn dot_stuff(bencher: Bencher<'_, '_>) {
    let mut mails = Mails::new();
    let content = mails.compose(mails.render()).as_received();
    bencher.bench_local(|| parts::stuff(black_box(&content)));
}

#[divan::bench]
fn sign_rsa(bencher: Bencher<'_, '_>) {
    let mut mails = SignedMails::new(&TestKey::rsa("rsa", 2048));
    bencher.bench_local(|| mails.sign());
}

#[divan::bench]
fn sign_ed25519(bencher: Bencher<'_, '_>) {
    let mut mails = SignedMails::new(&TestKey::ed25519("ed25519"));
    bencher.bench_local(|| mails.sign());
}

#[divan::bench]
fn page_read(bencher: Bencher<'_, '_>) {
    let mut tables = Tables::with(PARTICIPANTS);
    bencher.counter(ItemsCount::new(PAGE)).bench_local(|| tables.read_page());
}

#[divan::bench(args = [1, 16, 100])]
fn ledger_commit(bencher: Bencher<'_, '_>, group: u16) {
    let tables = std::cell::RefCell::new(Tables::with(PARTICIPANTS));
    bencher
        .counter(ItemsCount::new(group))
        .with_inputs(|| tables.borrow_mut().outcomes(group))
        .bench_local_refs(|outcomes| tables.borrow().record(outcomes));
}
