//! Events of the parser -> the tree.

use std::collections::HashMap;
use std::fmt::Write as _;

use saphyr_parser::{Event, Parser, ScalarStyle, Span};
use thiserror::Error;

use super::{Entry, Node, Place, Value};

/// The largest file, in bytes.
pub const MAX_BYTES: usize = 1 << 20;
/// How deep lists and maps may be nested.
pub const MAX_DEPTH: usize = 32;
/// How many values a file may have, those of anchors and aliases counted again.
pub const MAX_NODES: usize = 200_000;

/// Why a text is not YAML that is understood here.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum YamlError {
    /// The parser's own word.
    #[error("not YAML: {0}")]
    Syntax(String),
    /// More than [`MAX_BYTES`].
    #[error("the file is too large: {0} bytes, at most {MAX_BYTES}")]
    TooLarge(usize),
    /// Bytes that are no text.
    #[error("not UTF-8 text")]
    NotUtf8,
    /// A character that belongs in no text file.
    #[error("the character U+{:04X} may not stand in a file", *.0 as u32)]
    Control(char),
    /// Nothing, or nothing but comments.
    #[error("the file is empty, which is taken for an accident; to run nothing, write applications: {{}}")]
    Empty,
    /// A second document.
    #[error("a second document begins here; a file holds one")]
    SecondDocument,
    /// More than [`MAX_DEPTH`].
    #[error("nested too deeply, at most {MAX_DEPTH} levels")]
    TooDeep,
    /// More than [`MAX_NODES`].
    #[error("too many values, at most {MAX_NODES}, those of anchors and aliases counted again")]
    TooMany,
    /// `*a` inside of `&a`.
    #[error("the alias stands inside of what it stands for")]
    Recursive,
    /// `!tag`.
    #[error("the tag {0} is not understood; leave it out")]
    Tag(String),
    /// `<<: *a`.
    #[error("the merge key << is not understood; use defaults, or a whole value by its alias")]
    MergeKey,
    /// A list, map or alias as key.
    #[error("a key must be text, found {0}")]
    KeyNotText(&'static str),
    /// The same key in the same map.
    #[error("is in line {0} already")]
    Duplicate(u32),
}

/// Takes an error, with its place and the keys that lead there (`a.b[2]`).
pub type Report<'r> = &'r mut dyn FnMut(Place, String, YamlError);

/// Reads `text`. Every error that leaves the tree in one piece (a duplicate key, a
/// tag) goes to `problem` and the rest is read on; `None` means that there is no tree.
pub fn parse(file: u16, bytes: &[u8], problem: Report<'_>) -> Option<Node> {
    let text = match text(file, bytes) {
        Ok(text) => text,
        Err((place, error)) => {
            problem(place, String::new(), error);
            return None;
        }
    };
    let last = end_of(file, text.strip_suffix('\n').unwrap_or(text));
    let mut builder =
        Builder { file, last, open: Vec::new(), root: None, anchors: HashMap::new(), nodes: 0, problem };
    let mut documents = 0;
    for event in Parser::new_from_str(text) {
        let step = match event {
            Err(error) => {
                let place = builder.place(Span::empty(*error.marker()));
                Err((place, YamlError::Syntax(error.info().to_owned())))
            }
            Ok((Event::DocumentStart(_), span)) if documents == 1 => {
                Err((builder.place(span), YamlError::SecondDocument))
            }
            Ok((Event::DocumentStart(_), _)) => {
                documents += 1;
                Ok(())
            }
            Ok((event, span)) => builder.event(event, span),
        };
        if let Err((place, error)) = step {
            builder.report(place, error);
            return None;
        }
    }
    let empty = |node: &Node| matches!(&node.value, Value::Scalar { text, plain: true } if text.is_empty());
    let root = builder.root.take().filter(|root| !empty(root));
    if root.is_none() {
        problem(Place::start_of(file), String::new(), YamlError::Empty);
    }
    root
}

type Stop = (Place, YamlError);

/// What the parser may be given: no more than is sane, UTF-8, no control characters.
fn text(file: u16, bytes: &[u8]) -> Result<&str, Stop> {
    if bytes.len() > MAX_BYTES {
        return Err((Place::start_of(file), YamlError::TooLarge(bytes.len())));
    }
    let text = str::from_utf8(bytes).map_err(|error| {
        let before = String::from_utf8_lossy(&bytes[..error.valid_up_to()]);
        (end_of(file, &before), YamlError::NotUtf8)
    })?;
    // What nearly every file is, so that the search below is for those that are not.
    if bytes.iter().all(|byte| matches!(byte, b' '..=b'~' | b'\n' | b'\t')) {
        return Ok(text);
    }
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    // A carriage return alone would make the parser's lines others than an editor's.
    let bad = |at: usize, c: char| match c {
        '\n' | '\t' => false,
        '\r' => !text[at + 1..].starts_with('\n'),
        _ => c.is_control() || c == '\u{feff}',
    };
    match text.char_indices().find(|&(at, c)| bad(at, c)) {
        Some((at, c)) => Err((end_of(file, &text[..at]), YamlError::Control(c))),
        None => Ok(text),
    }
}

/// The place right behind `before`.
fn end_of(file: u16, before: &str) -> Place {
    let line = before.matches('\n').count();
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count();
    Place { file, line: number(line + 1), column: number(column + 1), width: 1 }
}

fn number(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

/// A list or map whose end has not been seen.
struct Open {
    node: Node,
    anchor: usize,
    /// The key that waits for its value; of a map.
    key: Option<(String, Place)>,
    /// The keys there are, with their lines; of a map with more than [`FEW`].
    seen: HashMap<String, u32>,
}

/// As many keys are looked through one by one.
const FEW: usize = 16;

/// The line in which `key` stands already among `entries`, which `seen` keeps up with once they are many.
fn line_of(key: &str, entries: &[Entry], seen: &mut HashMap<String, u32>) -> Option<u32> {
    if entries.len() <= FEW {
        return entries.iter().find(|entry| entry.key == key).map(|entry| entry.place.line);
    }
    let new = entries.iter().skip(seen.len());
    seen.extend(new.map(|entry| (entry.key.clone(), entry.place.line)));
    seen.get(key).copied()
}

struct Builder<'p> {
    file: u16,
    /// The end of the text.
    last: Place,
    open: Vec<Open>,
    root: Option<Node>,
    /// What each anchor stands for, and how many nodes that is.
    anchors: HashMap<usize, (Node, usize)>,
    nodes: usize,
    problem: Report<'p>,
}

impl Builder<'_> {
    /// Of the parser's places some are behind the last line; these are pulled back.
    fn place(&self, span: Span) -> Place {
        let width = if span.end.line() == span.start.line() { span.len() } else { 1 };
        let place = Place {
            file: self.file,
            line: number(span.start.line().max(1)),
            column: number(span.start.col() + 1),
            width: number(width),
        };
        if place.line > self.last.line { self.last } else { place }
    }

    fn event(&mut self, event: Event<'_>, span: Span) -> Result<(), Stop> {
        let place = self.place(span);
        match event {
            Event::Alias(anchor) => match self.anchors.get(&anchor) {
                None => Err((place, YamlError::Recursive)),
                Some((node, size)) => {
                    let (node, size) = (Node { place, ..node.clone() }, *size);
                    self.grow(size, place)?;
                    self.finished(node)
                }
            },
            Event::Scalar(text, style, anchor, tag) => {
                let plain = style == ScalarStyle::Plain;
                let mut place = place;
                if !plain && span.start.line() != span.end.line() {
                    place.width = 1;
                }
                self.tag(place, tag.as_deref());
                self.grow(1, place)?;
                let node = Node { value: Value::Scalar { text: text.into_owned(), plain }, place };
                self.anchor(anchor, &node)?;
                self.finished(node)
            }
            Event::SequenceStart(anchor, tag) => {
                self.tag(place, tag.as_deref());
                self.begin(Value::List(Vec::new()), anchor, place)
            }
            Event::MappingStart(anchor, tag) => {
                self.tag(place, tag.as_deref());
                self.begin(Value::Map(Vec::new()), anchor, place)
            }
            Event::SequenceEnd | Event::MappingEnd => match self.open.pop() {
                None => Ok(()),
                Some(Open { node, anchor, .. }) => {
                    self.anchor(anchor, &node)?;
                    self.finished(node)
                }
            },
            _ => Ok(()),
        }
    }

    fn begin(&mut self, value: Value, anchor: usize, mut place: Place) -> Result<(), Stop> {
        if self.open.len() >= MAX_DEPTH {
            return Err((place, YamlError::TooDeep));
        }
        place.width = 1;
        self.grow(1, place)?;
        self.open.push(Open { node: Node { value, place }, anchor, key: None, seen: HashMap::new() });
        Ok(())
    }

    fn grow(&mut self, by: usize, place: Place) -> Result<(), Stop> {
        self.nodes += by;
        if self.nodes > MAX_NODES { Err((place, YamlError::TooMany)) } else { Ok(()) }
    }

    fn anchor(&mut self, anchor: usize, node: &Node) -> Result<(), Stop> {
        if anchor > 0 {
            let size = size(node);
            // Its copy is a cost as well.
            self.grow(size, node.place)?;
            self.anchors.insert(anchor, (node.clone(), size));
        }
        Ok(())
    }

    fn report(&mut self, place: Place, error: YamlError) {
        let syntax = matches!(error, YamlError::Syntax(_) | YamlError::SecondDocument);
        let key = if syntax { String::new() } else { path(&self.open) };
        (self.problem)(place, key, error);
    }

    /// The same, for a `key` that has its value already.
    fn report_at(&mut self, key: &str, place: Place, error: YamlError) {
        let mut path = path(&self.open);
        if !path.is_empty() {
            path.push('.');
        }
        path.push_str(key);
        (self.problem)(place, path, error);
    }

    fn tag(&mut self, place: Place, tag: Option<&saphyr_parser::Tag>) {
        if let Some(tag) = tag {
            let name = if tag.is_yaml_core_schema() { format!("!!{}", tag.suffix) } else { tag.to_string() };
            self.report(place, YamlError::Tag(name));
        }
    }

    /// Puts a complete node where it belongs.
    fn finished(&mut self, node: Node) -> Result<(), Stop> {
        let depth = self.open.len();
        let Some(open) = self.open.last_mut() else {
            self.root = Some(node);
            return Ok(());
        };
        match &mut open.node.value {
            Value::List(items) => {
                if depth + height(&node) > MAX_DEPTH {
                    return Err((node.place, YamlError::TooDeep));
                }
                items.push(node);
            }
            Value::Map(entries) => match open.key.take() {
                None => {
                    let what = node.what();
                    match node.value {
                        Value::Scalar { text, .. } => open.key = Some((text, node.place)),
                        _ => return Err((node.place, YamlError::KeyNotText(what))),
                    }
                }
                Some((key, place)) => {
                    if depth + height(&node) > MAX_DEPTH {
                        return Err((node.place, YamlError::TooDeep));
                    }
                    if key == "<<" {
                        self.report_at(&key, place, YamlError::MergeKey);
                    } else if let Some(first) = line_of(&key, entries, &mut open.seen) {
                        self.report_at(&key, place, YamlError::Duplicate(first));
                    } else {
                        entries.push(Entry { key, place, value: node });
                    }
                }
            },
            Value::Scalar { .. } => {}
        }
        Ok(())
    }
}

/// The keys and numbers that lead to where the parser is.
fn path(open: &[Open]) -> String {
    let mut path = String::new();
    for one in open {
        match (&one.key, &one.node.value) {
            (_, Value::List(items)) => {
                let _ = write!(path, "[{}]", items.len());
            }
            (Some((key, _)), _) if path.is_empty() => path.push_str(key),
            (Some((key, _)), _) => path.extend([".", key]),
            (None, _) => {}
        }
    }
    path
}

/// How many nodes there are in it.
fn size(node: &Node) -> usize {
    match &node.value {
        Value::Scalar { .. } => 1,
        Value::List(items) => 1 + items.iter().map(size).sum::<usize>(),
        Value::Map(entries) => 1 + entries.iter().map(|entry| 1 + size(&entry.value)).sum::<usize>(),
    }
}

/// How many levels of lists and maps it has.
fn height(node: &Node) -> usize {
    match &node.value {
        Value::Scalar { .. } => 0,
        Value::List(items) => 1 + items.iter().map(height).max().unwrap_or(0),
        Value::Map(entries) => 1 + entries.iter().map(|entry| height(&entry.value)).max().unwrap_or(0),
    }
}
