//! The list of embedded templates for operators who replace one: names, sources and variables.

use std::collections::BTreeSet;

use minijinja::Environment;

use super::EMBEDDED;
use crate::SettingsError;

/// The variables of every template.
const GLOBALS: [&str; 8] = ["site", "paths", "assets", "t", "t_until", "t_until_precise", "needs_script", "script"];

/// An embedded template, which a file of its name can replace.
#[derive(Clone, Debug)]
pub struct EmbeddedTemplate {
    /// The name of the file that replaces it, as in `login.html`.
    pub name: String,
    /// The source.
    pub source: String,
    /// The variables that it uses, in alphabetical order, without those that every template has.
    pub variables: BTreeSet<String>,
}

impl EmbeddedTemplate {
    /// The templates of the pages.
    pub fn all() -> Vec<Self> {
        EMBEDDED.iter().map(|(name, source)| Self::new(name, source)).collect()
    }

    /// A template of the host's own ([`crate::Settings::own_templates`]).
    pub fn new(name: &str, source: &str) -> Self {
        let mut environment = Environment::new();
        let parsed = environment.add_template(name, source).and_then(|()| environment.get_template(name));
        let mut variables: BTreeSet<_> =
            parsed.map(|template| template.undeclared_variables(false).into_iter().collect()).unwrap_or_default();
        variables.retain(|variable| !GLOBALS.contains(&&**variable));
        Self { name: name.to_owned(), source: source.to_owned(), variables }
    }
}

/// Rejects a file that replaces no template: its name is misspelt, or from an older version. A file whose name starts
/// with `_` is a part that the operator's own templates include.
pub(super) fn check(name: &str, known: &BTreeSet<String>) -> Result<(), SettingsError> {
    if name.starts_with('_') || known.contains(name) {
        return Ok(());
    }
    Err(SettingsError::UnknownTemplate {
        name: name.to_owned(),
        known: known.iter().map(String::as_str).collect::<Vec<_>>().join(", "),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_are_told_without_those_that_every_template_has() {
        let login = EmbeddedTemplate::all().into_iter().find(|template| template.name == "login.html").unwrap();
        let variables: Vec<_> = login.variables.iter().map(String::as_str).collect();
        assert!(["form", "name", "next"].iter().all(|name| variables.contains(name)), "{variables:?}");
        assert!(!variables.contains(&"paths") && !variables.contains(&"t"), "{variables:?}");
    }
}
