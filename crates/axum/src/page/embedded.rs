//! What an operator who replaces a template has to know: which there are, what each says, and which variables it reads.

use std::collections::BTreeSet;

use minijinja::Environment;

use super::EMBEDDED;
use crate::SettingsError;

/// What every template can read, whatever page it is for.
const GLOBALS: [&str; 8] = ["site", "paths", "assets", "t", "t_until", "t_until_precise", "needs_script", "script"];

/// A template that is embedded in the program, and can be replaced by a file of its name.
#[derive(Clone, Debug)]
pub struct EmbeddedTemplate {
    /// The name of the file that replaces it, as in `login.html`.
    pub name: String,
    /// What it consists of.
    pub source: String,
    /// The variables that it reads itself, in alphabetical order, without those that every template has.
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

/// Refuses a file that replaces no template: its name is misspelt, or that of an older version. A file whose name begins with
/// `_` is a part that the operator's own templates include.
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
