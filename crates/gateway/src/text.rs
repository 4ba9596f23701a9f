//! The texts of messages, from templates.
//!
//! Every text that a user reads or hears is in a file of `templates`, by language. A file of the same name in the
//! operator's folder replaces it. If a language has no file, its shorter form is tried, then English. A running server
//! can reload them.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
    sync::{Arc, PoisonError, RwLock},
};

use minijinja::{AutoEscape, Environment, UndefinedBehavior, Value, context};

/// The embedded templates.
const EMBEDDED: &[(&str, &str)] = &[
    ("en/sms.txt", include_str!("../templates/en/sms.txt")),
    ("en/email_subject.txt", include_str!("../templates/en/email_subject.txt")),
    ("en/email.txt", include_str!("../templates/en/email.txt")),
    ("en/email.html", include_str!("../templates/en/email.html")),
    ("en/call_greeting.txt", include_str!("../templates/en/call_greeting.txt")),
    ("en/call_code.txt", include_str!("../templates/en/call_code.txt")),
    ("en/call_goodbye.txt", include_str!("../templates/en/call_goodbye.txt")),
];

/// The language that has every file.
const ENGLISH: &str = "en";

/// The texts of messages.
#[derive(Debug)]
pub struct Texts {
    folder: Option<PathBuf>,
    environment: RwLock<Arc<Environment<'static>>>,
}

/// Why the texts could not be loaded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TextsError {
    /// A folder or a file could not be read.
    #[error("could not read {0}")]
    Unreadable(String, #[source] io::Error),
    /// A file replaces no text of a message: its name is unknown.
    #[error("{name} replaces no text of a message: below each language there may be {known}")]
    Unknown {
        /// The file with its language's folder, such as `nl/sms.text`.
        name: String,
        /// The known names, separated by commas.
        known: String,
    },
    /// A template is invalid.
    #[error("the template {0} cannot be used")]
    Broken(String, #[source] minijinja::Error),
}

impl Texts {
    /// The variables of a message template, each with an example. `domain` is empty if the site has no host name.
    fn example() -> Value {
        context! { code => "012345", site => "Example", minutes => 5, domain => "example.org" }
    }

    /// The names of the variables of a message template.
    pub fn variables() -> Vec<String> {
        Self::example().try_iter().into_iter().flatten().map(|name| name.to_string()).collect()
    }

    /// The embedded templates, each by its language and name, such as `en/sms.txt`.
    pub fn embedded() -> impl Iterator<Item = (&'static str, &'static str)> {
        EMBEDDED.iter().copied()
    }

    /// The embedded templates, with those replaced that a folder has.
    pub fn read(folder: Option<&Path>) -> Result<Self, TextsError> {
        let environment = RwLock::new(Arc::new(read(folder)?));
        Ok(Self { folder: folder.map(Path::to_owned), environment })
    }

    /// Reads the folder again. After an error nothing has changed.
    pub fn reload(&self) -> Result<(), TextsError> {
        let read = Arc::new(read(self.folder.as_deref())?);
        *self.environment.write().unwrap_or_else(PoisonError::into_inner) = read;
        Ok(())
    }

    fn environment(&self) -> Arc<Environment<'static>> {
        self.environment.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The text of `file` in the language nearest to `language`, without surrounding spaces.
    pub fn render(&self, file: &str, language: Option<&str>, context: &Value) -> Result<String, minijinja::Error> {
        let environment = self.environment();
        let name = format!("{}/{file}", nearest(&environment, file, language));
        environment.get_template(&name)?.render(context).map(|text| text.trim().to_owned())
    }

    /// The language nearest to `language` in which there is a `file`.
    pub fn language_of<'l>(&self, file: &str, language: Option<&'l str>) -> &'l str {
        nearest(&self.environment(), file, language)
    }
}

fn nearest<'l>(environment: &Environment<'_>, file: &str, language: Option<&'l str>) -> &'l str {
    let mut tag = language.filter(|tag| tag.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'-'));
    while let Some(language) = tag {
        if environment.get_template(&format!("{language}/{file}")).is_ok() {
            return language;
        }
        tag = language.rsplit_once('-').map(|(shorter, _)| shorter);
    }
    ENGLISH
}

/// The embedded templates, with those replaced that a folder has.
fn read(folder: Option<&Path>) -> Result<Environment<'static>, TextsError> {
    let mut files: BTreeMap<String, String> =
        EMBEDDED.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
    if let Some(folder) = folder {
        files.extend(found(folder)?);
    }
    let mut environment = Environment::new();
    // When a template fails, its variables include a code: no error may quote them.
    environment.set_debug(false);
    // A misspelt variable is an error; otherwise a message would be sent without its code.
    environment.set_undefined_behavior(UndefinedBehavior::SemiStrict);
    environment.set_auto_escape_callback(|name| {
        let is_html = Path::new(name).extension().is_some_and(|extension| extension == "html");
        if is_html { AutoEscape::Html } else { AutoEscape::None }
    });
    for (name, text) in files {
        let added = environment.add_template_owned(name.clone(), text);
        added.map_err(|error| TextsError::Broken(name, error))?;
    }
    try_all(&environment)?;
    Ok(environment)
}

/// Renders every template, so that a mistake is noticed at startup and not when a user waits for a code.
fn try_all(environment: &Environment<'_>) -> Result<(), TextsError> {
    let words = Texts::example();
    for (name, template) in environment.templates() {
        template.render(&words).map_err(|error| TextsError::Broken(name.to_owned(), error))?;
    }
    Ok(())
}

/// The files of a folder, each with its language's folder.
fn found(folder: &Path) -> Result<Vec<(String, String)>, TextsError> {
    let unreadable = |path: &Path, error| TextsError::Unreadable(path.display().to_string(), error);
    let mut files = vec![];
    for language in entries(folder).map_err(|error| unreadable(folder, error))? {
        if !language.is_dir() {
            continue;
        }
        for file in entries(&language).map_err(|error| unreadable(&language, error))? {
            let name =
                [&language, &file].map(|path| path.file_name().unwrap_or_default().to_string_lossy().into_owned());
            known(&name)?;
            let text = fs::read_to_string(&file).map_err(|error| unreadable(&file, error))?;
            files.push((name.join("/"), text));
        }
    }
    Ok(files)
}

/// Refuses a file that replaces none: its content would be ignored without notice.
fn known([language, name]: &[String; 2]) -> Result<(), TextsError> {
    let names: Vec<_> = EMBEDDED.iter().filter_map(|(name, _)| Some(name.split_once('/')?.1)).collect();
    if names.contains(&name.as_str()) {
        return Ok(());
    }
    Err(TextsError::Unknown { name: format!("{language}/{name}"), known: names.join(", ") })
}

/// The entries of a folder, except names that begin with a full stop: editors' files, and the folders in which
/// Kubernetes keeps the files of a volume (`..data`).
fn entries(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let paths: io::Result<Vec<_>> = fs::read_dir(folder)?.map(|entry| entry.map(|entry| entry.path())).collect();
    let is_hidden = |path: &PathBuf| path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
    paths.map(|paths| paths.into_iter().filter(|path| !is_hidden(path)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words() -> Value {
        context! { code => "012345", site => "Example", minutes => 5, domain => "id.example.org" }
    }

    #[test]
    fn a_text_message_ends_with_the_line_that_browsers_read() {
        let texts = Texts::read(None).unwrap();
        let text = texts.render("sms.txt", Some("nl-BE"), &words()).unwrap();
        assert!(text.contains("012345") && text.contains("Example"));
        assert_eq!(text.lines().last(), Some("@id.example.org #012345"));
        let without = context! { domain => "", ..words() };
        assert!(!texts.render("sms.txt", None, &without).unwrap().contains('@'));
    }

    #[test]
    fn a_folder_takes_the_place_of_a_file_and_brings_languages() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("nl")).unwrap();
        fs::write(folder.path().join("nl/sms.txt"), "Uw code is {{ code }}.\n").unwrap();
        let texts = Texts::read(Some(folder.path())).unwrap();
        assert_eq!(texts.render("sms.txt", Some("nl-BE"), &words()).unwrap(), "Uw code is 012345.");
        assert!(texts.render("sms.txt", Some("de"), &words()).unwrap().contains("Example"));
        assert!(texts.render("email.txt", Some("nl"), &words()).unwrap().contains("012345"));
        assert!(texts.render("sms.txt", Some("../../etc"), &words()).is_ok());
        assert_eq!(
            (texts.language_of("sms.txt", Some("nl-BE")), texts.language_of("email.txt", Some("nl-BE"))),
            ("nl", "en")
        );
    }

    #[test]
    fn a_template_with_a_mistake_in_it_is_named_at_the_start() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("nl")).unwrap();
        for mistake in ["{{ code ", "Uw code is {{ cod }}.", "{{ code|loud }}"] {
            fs::write(folder.path().join("nl/sms.txt"), mistake).unwrap();
            let error = Texts::read(Some(folder.path())).unwrap_err();
            assert!(matches!(&error, TextsError::Broken(name, _) if name == "nl/sms.txt"), "{mistake}: {error}");
        }
    }

    #[test]
    fn a_file_that_replaces_nothing_is_named_at_the_start() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("nl")).unwrap();
        fs::write(folder.path().join("nl/sms.text"), "Uw code is {{ code }}.").unwrap();
        let error = Texts::read(Some(folder.path())).unwrap_err().to_string();
        assert!(error.starts_with("nl/sms.text replaces no text of a message") && error.contains("sms.txt"), "{error}");
    }

    /// A `ConfigMap` as Kubernetes mounts it, whose files have a folder for each language.
    #[cfg(unix)]
    #[test]
    fn what_is_hidden_is_no_template() {
        use std::os::unix::fs::symlink;
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::create_dir_all(at("..2030/nl")).unwrap();
        fs::write(at("..2030/nl/sms.txt"), "Uw code is {{ code }}.").unwrap();
        fs::write(at("..2030/nl/.sms.txt.swp"), [0xff]).unwrap();
        symlink("..2030", at("..data")).unwrap();
        symlink("..data/nl", at("nl")).unwrap();
        let texts = Texts::read(Some(folder.path())).unwrap();
        assert_eq!(texts.render("sms.txt", Some("nl"), &words()).unwrap(), "Uw code is 012345.");
    }

    #[test]
    fn templates_are_read_again_and_a_mistake_changes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("en")).unwrap();
        let write = |text: &str| fs::write(folder.path().join("en/sms.txt"), text).unwrap();
        write("First {{ code }}");
        let texts = Texts::read(Some(folder.path())).unwrap();
        let said = || texts.render("sms.txt", None, &words()).unwrap();
        write("Second {{ code }}");
        assert_eq!(said(), "First 012345");
        texts.reload().unwrap();
        assert_eq!(said(), "Second 012345");
        write("Third {{ cod }}");
        assert!(texts.reload().is_err());
        assert_eq!(said(), "Second 012345");
    }

    #[test]
    fn a_hostile_name_is_only_a_name_in_html() {
        let texts = Texts::read(None).unwrap();
        let hostile = context! { site => "<script>", ..words() };
        assert!(!texts.render("email.html", None, &hostile).unwrap().contains("<script>"));
    }
}
