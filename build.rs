//! The migrations are compiled into the binary, and the macro that does it does not watch their files.

fn main() {
    println!("cargo::rerun-if-changed=migrations");
}
