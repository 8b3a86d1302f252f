//! The manual pages of files: docs/NAME.5.md as roff, for man(1).
//!
//! Markdown's blocks become requests. Definition lists, of which these pages consist
//! for the most part, become tagged paragraphs:
//!
//! ```text
//!     # daemons.yml(5)      .TH daemons.yml 5 …
//!     ## At the top         .SH "AT THE TOP"
//!     **watch**             .TP
//!     : Whether …           \fBwatch\fR
//!                           Whether …
//! ```

use clap_mangen::roff::{Inline, Roff, bold, italic, roman};
use pulldown_cmark::{Event, HeadingLevel, Options, Parser, Tag, TagEnd};

#[cfg(test)]
mod tests;

/// The file that has a page, by the program that reads it.
pub(crate) fn file_of(program: &str) -> Option<&'static str> {
    match program {
        "abaqis-daemons" => Some("daemons.yml"),
        "ayl_scheduler" => Some("schedule.yml"),
        _ => None,
    }
}

/// The page of the file `name`, which is one of [`file_of`].
pub(crate) fn page(name: &str, version: &str) -> Roff {
    let text = match name {
        "schedule.yml" => include_str!("../../docs/schedule.yml.5.md"),
        _ => include_str!("../../docs/daemons.yml.5.md"),
    };
    roff(name, version, text)
}

/// `text`, which is Markdown, as the page of `name`.
fn roff(name: &str, version: &str, text: &str) -> Roff {
    let mut page = Page::default();
    page.roff.control("TH", [name, "5", "\"\"", &format!("abaqis-daemons {version}"), "File Formats"]);
    for event in Parser::new_ext(text, Options::ENABLE_DEFINITION_LIST) {
        page.take(event);
    }
    page.roff
}

/// What has been written so far, and where in the text that is.
#[derive(Default)]
struct Page {
    roff: Roff,
    /// The words of the paragraph, heading or term that is being read.
    words: Vec<Inline>,
    /// How those are set.
    font: Font,
    /// Whether they are a heading's, a code block's.
    place: Place,
    /// The next paragraph belongs to a tag, or a bullet, and follows it at once.
    tagged: bool,
    /// And so do the ones after it.
    indented: bool,
    /// Nothing stands below the section's heading yet.
    fresh: bool,
}

#[derive(Default, Clone, Copy)]
enum Font {
    #[default]
    Roman,
    Bold,
    Italic,
}

#[derive(Default, Clone, Copy, PartialEq, Eq)]
enum Place {
    #[default]
    Text,
    Heading,
    Code,
}

impl Page {
    fn take(&mut self, event: Event) {
        match event {
            Event::Start(tag) => self.start(&tag),
            Event::End(tag) => self.end(tag),
            Event::Text(text) if self.place == Place::Code => self.code(&text),
            Event::Text(text) => self.word(&text),
            // What is typed or named. Bold is left to the keys, which people look for.
            Event::Code(text) => self.words.push(italic(text.to_string())),
            Event::SoftBreak | Event::HardBreak => self.words.push(roman("\n")),
            // A comment of the source. None of the other kinds is asked of the parser.
            _ => {}
        }
    }

    fn start(&mut self, tag: &Tag) {
        match tag {
            Tag::Heading { .. } => self.place = Place::Heading,
            Tag::Strong => self.font = Font::Bold,
            Tag::Emphasis => self.font = Font::Italic,
            Tag::CodeBlock(_) => {
                self.flush();
                self.place = Place::Code;
                self.roff.control("PP", []).control("RS", ["4"]).control("EX", []);
            }
            Tag::Item => {
                self.roff.control("IP", [r"\(bu", "2"]);
                (self.tagged, self.indented) = (true, true);
            }
            Tag::DefinitionListTitle => {
                self.roff.control("TP", []);
            }
            Tag::Paragraph if !self.tagged && !self.fresh => {
                self.roff.control(if self.indented { "IP" } else { "PP" }, []);
            }
            _ => {}
        }
    }

    fn end(&mut self, tag: TagEnd) {
        match tag {
            TagEnd::Heading(level) => self.heading(level),
            TagEnd::Strong | TagEnd::Emphasis => self.font = Font::Roman,
            TagEnd::CodeBlock => {
                self.place = Place::Text;
                self.roff.control("EE", []).control("RE", []);
            }
            TagEnd::DefinitionListTitle => {
                self.flush();
                (self.tagged, self.indented) = (true, true);
            }
            TagEnd::Paragraph => self.flush(),
            TagEnd::Item | TagEnd::DefinitionListDefinition => {
                self.flush();
                self.indented = false;
            }
            _ => {}
        }
    }

    /// The first heading is the page's title, which stands in `TH` already.
    fn heading(&mut self, level: HeadingLevel) {
        self.place = Place::Text;
        self.fresh = true;
        let text: String = self.words.drain(..).map(plain).collect();
        match level {
            HeadingLevel::H1 => {}
            HeadingLevel::H2 => {
                self.roff.control("SH", [text.to_uppercase().as_str()]);
            }
            _ => {
                self.roff.control("SS", [text.as_str()]);
            }
        }
    }

    fn word(&mut self, text: &str) {
        self.words.push(match self.font {
            Font::Roman => roman(text),
            Font::Bold => bold(text),
            Font::Italic => italic(text),
        });
    }

    /// Each line as it stands.
    fn code(&mut self, text: &str) {
        for line in text.lines() {
            self.roff.text([roman(line)]);
        }
    }

    /// Ends the paragraph or term.
    fn flush(&mut self) {
        if !self.words.is_empty() {
            self.roff.text(std::mem::take(&mut self.words));
        }
        (self.tagged, self.fresh) = (false, false);
    }
}

/// The words alone.
fn plain(inline: Inline) -> String {
    match inline {
        Inline::Roman(text) | Inline::Bold(text) | Inline::Italic(text) => text,
        Inline::LineBreak => " ".to_owned(),
    }
}
