//! How the programs are linked.

use std::env;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    // What unwinds a panic comes out of the archive that gcc brings. The shared library is one more to be
    // mapped by each of our programs, and asks the processor what it can before `main`: a tenth of a
    // millisecond of every command. Another linker, such as zig's for the packages, brings its own.
    let gnu = env::var("CARGO_CFG_TARGET_ENV").is_ok_and(|env| env == "gnu");
    if gnu && env::var_os("RUSTC_LINKER").is_none() {
        println!("cargo:rustc-link-lib=dylib:+verbatim=libgcc_eh.a");
    }
}
