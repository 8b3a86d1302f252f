//! Help, usage errors and error texts, word for word. `TRYCMD=overwrite` writes them anew.

#[test]
fn help_and_errors_are_word_for_word() {
    trycmd::TestCases::new()
        .env("ABAQIS_RUNTIME_DIR", "/nonexistent")
        .env("NO_COLOR", "1")
        .case("tests/cli/golden/*.trycmd");
}
