//! Markdown in, requests of roff out.

use std::collections::BTreeSet;

use super::*;

fn rendered(text: &str) -> String {
    roff("spin.yml", "1.2.3", text).to_roff()
}

#[test]
fn a_title_a_heading_and_a_paragraph() {
    let text = rendered(
        "# spin.yml(5)\n\n## Name\n\nspin.yml - what spins\n\n### Of `it`\n\nAs *ever*,\n`-x` too.\n\nOver.\n",
    );
    assert_eq!(
        text,
        r#".TH spin.yml 5 "" "abaqis-daemons 1.2.3" "File Formats"
.SH NAME
spin.yml \- what spins
.SS "Of it"
As \fIever\fR,
\fI\-x\fR too.
.PP
Over.
"#
    );
}

#[test]
fn a_definition_list_becomes_tagged_paragraphs() {
    let text =
        rendered("**fast**, **slow**\n: How *fast*.\n\n  Or slow.\n\n**far**\n: How far.\n\nAfterwards.\n");
    let text = text.split_once('\n').unwrap().1;
    assert_eq!(
        text,
        r".TP
\fBfast\fR, \fBslow\fR
How \fIfast\fR.
.IP
Or slow.
.TP
\fBfar\fR
How far.
.PP
Afterwards.
"
    );
}

#[test]
fn code_keeps_its_lines_and_a_list_its_bullets() {
    let text = rendered("```yaml\n.a: '\\1'\n\n  b: 2\n```\n\n- one\n- two\n");
    let text = text.split_once('\n').unwrap().1;
    assert_eq!(
        text,
        r".PP
.RS 4
.EX
\&.a: '\\1'

  b: 2
.EE
.RE
.IP \(bu 2
one
.IP \(bu 2
two
"
    );
}

/// What Markdown hides from the eye: marks of emphasis, code and structure.
fn words(text: &str) -> Vec<String> {
    text.split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_lowercase)
        .collect()
}

#[test]
fn no_word_of_a_file_is_lost() {
    for (name, text) in [
        ("daemons.yml", include_str!("../../../docs/daemons.yml.5.md")),
        ("schedule.yml", include_str!("../../../docs/schedule.yml.5.md")),
    ] {
        let page = page(name, "1").to_roff();
        let shown = page
            .lines()
            .skip(1)
            .filter(|line| !line.starts_with('.') || line.starts_with(".S"))
            .map(|line| line.strip_prefix(".SH ").or(line.strip_prefix(".SS ")).unwrap_or(line))
            .collect::<Vec<_>>()
            .join("\n");
        let shown = ["\\fB", "\\fI", "\\fR", "\\&"].iter().fold(shown, |text, mark| text.replace(mark, ""));
        // The title's line stands in the head; a block of code names its language.
        let text = text.split_once('\n').unwrap().1.replace("```yaml", "```");
        assert_eq!(words(&shown), words(&text), "{name}");
    }
}

#[test]
fn each_file_has_one_program() {
    let files: BTreeSet<_> = ["abaqis-daemons", "ayl_scheduler", "ayl_worker", "ayl_beanstalk"]
        .into_iter()
        .filter_map(file_of)
        .collect();
    assert_eq!(files, BTreeSet::from(["daemons.yml", "schedule.yml"]));
}
