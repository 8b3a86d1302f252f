//! How the programs are linked.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    // What unwinds a panic comes out of the archive that the compiler brings. The shared library is one
    // more to be mapped by each of our programs, and asks the processor what it can before `main`:
    // a tenth of a millisecond of every command.
    println!("cargo:rustc-link-lib=dylib:+verbatim=libgcc_eh.a");
}
