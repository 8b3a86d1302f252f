//! A module imports only from the layers above it, in the order of lib.rs.

use crate::tree::{files, read, root};

/// The layers, uppermost first; `supervisor` is two: what decides stands above
/// `process`, what acts below it.
fn layers() -> Vec<String> {
    let lib = read(&root().join("src/lib.rs"));
    let mut layers: Vec<String> = lib
        .lines()
        .filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';'))
        .map(|name| if name == "supervisor" { "supervisor::driver" } else { name }.to_owned())
        .collect();
    let process = layers.iter().position(|layer| layer == "process").expect("a module `process`");
    layers.insert(process, "supervisor::core".to_owned());
    layers
}

/// The layer that a path of the crate, such as `supervisor::core::Event`, lies in.
fn layer_of(path: &str, layers: &[String]) -> Option<usize> {
    layers.iter().position(|layer| {
        path.strip_prefix(layer.as_str())
            .is_some_and(|rest| !rest.starts_with(|c: char| c.is_alphanumeric() || c == '_'))
    })
}

/// The paths after `crate::` in code, groups in braces opened.
fn imports(text: &str) -> Vec<String> {
    let code: String =
        text.lines().map(|line| line.split("//").next().unwrap_or_default()).collect::<Vec<_>>().join("\n");
    let mut paths = Vec::new();
    for (at, _) in code.match_indices("crate::") {
        let rest = &code[at + "crate::".len()..];
        if let Some(group) = rest.strip_prefix('{') {
            let group = group.split("};").next().unwrap_or_default();
            let mut depth = 0;
            let mut start = true;
            for (i, c) in group.char_indices() {
                match c {
                    '{' => depth += 1,
                    '}' => depth -= 1,
                    ',' if depth == 0 => start = true,
                    c if start && !c.is_whitespace() => {
                        start = false;
                        paths.push(group[i..].to_owned());
                    }
                    _ => {}
                }
            }
        } else {
            paths.push(rest.to_owned());
        }
    }
    paths
}

#[test]
fn a_module_imports_only_from_the_layers_above_it() {
    let layers = layers();
    let source = root().join("src");
    let mut wrong = Vec::new();
    for file in files("src", "rs") {
        let inside = file.strip_prefix(&source).unwrap().with_extension("");
        let own = inside.to_string_lossy().replace('/', "::");
        let Some(own) = layer_of(&own, &layers) else { continue };
        for import in imports(&read(&file)) {
            if layer_of(&import, &layers).is_some_and(|other| other > own) {
                let import = import.split([';', ',', ' ', '(', '\n']).next().unwrap_or_default();
                wrong.push(format!("src/{}.rs imports {import}", inside.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "against the order of lib.rs:\n{}", wrong.join("\n"));
}

#[test]
fn a_group_of_imports_is_opened() {
    let paths = imports("use crate::{config::{A, B}, names::Tube};\nuse crate::plan::Plan; // crate::cli");
    let heads: Vec<&str> = paths.iter().map(|path| path.split("::").next().unwrap()).collect();
    assert_eq!(heads, ["config", "names", "plan"]);
}
