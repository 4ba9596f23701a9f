//! A front end parses, renders and maps. One that accesses devices, throttles or the store could make decisions itself,
//! and then deleting the front end would delete a rule.

use std::{collections::BTreeSet, iter::Peekable};

use super::tree::Tree;

const ENTRANCES: &str = "crates/axum/src/routes/";

/// Every place where a front end bypasses the engine.
pub(super) fn shortcuts(tree: &Tree) -> Vec<String> {
    let mut entrances = tree.texts(ENTRANCES, ".rs").peekable();
    if entrances.peek().is_none() {
        return vec![format!("there is no front end under {ENTRANCES}")];
    }
    let complaints = |(file, text)| {
        let paths = paths(text).into_iter().filter(|path| is_shortcut(path)).map(|path| path.join("::"));
        let calls = code(text).any(|line| line.contains(".commit(")).then(|| "commit".to_owned());
        let reached: BTreeSet<String> = paths.chain(calls).collect();
        reached.into_iter().map(move |name| format!("{file} names {name}: a front end asks the engine instead"))
    };
    entrances.flat_map(complaints).collect()
}

fn is_shortcut(path: &[&str]) -> bool {
    let item = matches!(path, [.., of, "Device" | "Store" | "Throttle"] if of.starts_with(char::is_lowercase));
    let module = path.windows(2).any(|pair| {
        matches!(
            pair,
            ["throttle" | "countersign_store", _] | [_, "throttle"] | ["port", "store"] | ["device" | "store", "*"]
        )
    });
    item || module
}

/// The lines without comments.
fn code(source: &str) -> impl Iterator<Item = &str> {
    source.lines().map(|line| line.split("//").next().unwrap_or_default())
}

/// Every path in the code, with `use` groups expanded: `a::{b, c::d}` is `a::b` and `a::c::d`.
fn paths(source: &str) -> Vec<Vec<&str>> {
    let mut tokens = code(source).flat_map(tokens).peekable();
    let mut paths = Vec::new();
    while let Some(token) = tokens.peek() {
        if is_name(token) {
            path(&mut tokens, &[], &mut paths);
        } else {
            tokens.next();
        }
    }
    paths.retain(|path| path.len() > 1);
    paths
}

fn path<'a>(tokens: &mut Peekable<impl Iterator<Item = &'a str>>, start: &[&'a str], paths: &mut Vec<Vec<&'a str>>) {
    let mut path = start.to_vec();
    while let Some(name) = tokens.next_if(|token| is_name(token) || *token == "*") {
        path.push(name);
        if tokens.next_if_eq(&"::").is_none() {
            break;
        }
        if tokens.next_if_eq(&"{").is_some() {
            return group(tokens, &path, paths);
        }
    }
    if path.len() > start.len() {
        paths.push(path);
    }
}

fn group<'a>(tokens: &mut Peekable<impl Iterator<Item = &'a str>>, start: &[&'a str], paths: &mut Vec<Vec<&'a str>>) {
    loop {
        path(tokens, start, paths);
        let mut rest = tokens.by_ref().skip_while(|token| !matches!(*token, "," | "}"));
        if rest.next() != Some(",") {
            return;
        }
    }
}

/// Names, `::`, and every other character by itself.
fn tokens(line: &str) -> impl Iterator<Item = &str> {
    let mut rest = line.trim_start();
    std::iter::from_fn(move || {
        let name = rest.find(|letter: char| !is_of_name(letter)).unwrap_or(rest.len());
        let length = match name {
            0 if rest.starts_with("::") => 2,
            0 => rest.chars().next()?.len_utf8(),
            name => name,
        };
        let (token, after) = rest.split_at(length);
        rest = after.trim_start();
        Some(token)
    })
}

fn is_name(token: &str) -> bool {
    token.chars().all(is_of_name)
}

fn is_of_name(letter: char) -> bool {
    letter.is_alphanumeric() || letter == '_'
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complaints(source: &str) -> Vec<String> {
        shortcuts(&Tree::of([("crates/axum/src/routes/pages.rs", source)]))
    }

    fn spread(source: &str) -> Vec<String> {
        paths(source).into_iter().map(|path| path.join("::")).collect()
    }

    #[test]
    fn groups_are_spread_and_aliases_left_out() {
        let source =
            "use std::{fmt::{self, Write as _}, io::*};\nuse a::b; // not c::d\nlet x = A::of(<T as m::N>::go::<U>());";
        assert_eq!(spread(source), ["std::fmt::self", "std::fmt::Write", "std::io::*", "a::b", "A::of", "m::N"]);
    }

    #[test]
    fn a_group_may_run_over_lines_and_end_with_a_comma() {
        let source = "use a::{\n    b::{\n        c,\n        d,\n    },\n    e,\n};\nf::g()";
        assert_eq!(spread(source), ["a::b::c", "a::b::d", "a::e", "f::g"]);
    }

    #[test]
    fn an_entrance_that_reaches_past_the_engine_is_named() {
        for (source, path) in [
            ("use countersign_store::Sqlite;", "countersign_store::Sqlite"),
            (
                "use countersign_engine::{Engine, port::{clock::Clock, store::Reads}};",
                "countersign_engine::port::store::Reads",
            ),
            ("use countersign_engine::core::device::{Device, Name};", "countersign_engine::core::device::Device"),
            ("use crate::core::device::*;", "crate::core::device::*"),
            ("fn wait() { core::throttle::delay(3) }", "core::throttle::delay"),
            ("use countersign_engine::core::throttle;", "countersign_engine::core::throttle"),
            ("engine.store().commit(batch).await?;", "commit"),
            ("async fn page(store: Arc<dyn engine::Store>) {}", "engine::Store"),
        ] {
            let complaint =
                format!("crates/axum/src/routes/pages.rs names {path}: a front end asks the engine instead");
            assert_eq!(complaints(source), [complaint], "{source}");
        }
    }

    #[test]
    fn one_that_only_parses_and_renders_is_not() {
        let source = "use countersign_engine::{Engine, core::{id::DeviceId, view::View}};\n\
                      // never core::throttle::delay, and no store.commit(batch)\n\
                      fn page(view: View) { match view { View::Device(device) => device.throttle.show(), _ => Input::Device } }";
        assert_eq!(complaints(source), [""; 0]);
    }

    #[test]
    fn without_entrances_the_rule_complains() {
        assert_eq!(shortcuts(&Tree::of([])), ["there is no front end under crates/axum/src/routes/"]);
    }
}
