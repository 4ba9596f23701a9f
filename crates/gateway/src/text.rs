//! The words of messages, from templates.
//!
//! Every word that a person reads or hears stands in a file of `templates`, by language. A file of the same name in a folder
//! of the operator's takes its place. Where a language has no file, its shorter form is tried, then English.

use std::{collections::BTreeMap, fs, io, path::Path};

use minijinja::{AutoEscape, Environment, Value};

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

/// The words of messages.
#[derive(Debug)]
pub struct Texts {
    environment: Environment<'static>,
}

/// Why there are no words.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TextsError {
    /// A folder or a file could not be read.
    #[error("could not read {0}")]
    Unreadable(String, #[source] io::Error),
    /// A template is not one.
    #[error("the template {0} cannot be used")]
    Broken(String, #[source] minijinja::Error),
}

impl Texts {
    /// The embedded templates, and what a folder has in their place.
    pub fn read(folder: Option<&Path>) -> Result<Self, TextsError> {
        let mut files: BTreeMap<String, String> =
            EMBEDDED.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
        if let Some(folder) = folder {
            files.extend(found(folder)?);
        }
        let mut environment = Environment::new();
        environment.set_auto_escape_callback(|name| {
            let is_html = Path::new(name).extension().is_some_and(|extension| extension == "html");
            if is_html { AutoEscape::Html } else { AutoEscape::None }
        });
        for (name, text) in files {
            let added = environment.add_template_owned(name.clone(), text);
            added.map_err(|error| TextsError::Broken(name, error))?;
        }
        Ok(Self { environment })
    }

    /// The text of `file` in the language that is nearest to `language`, without blanks around it.
    pub fn render(&self, file: &str, language: Option<&str>, context: &Value) -> Result<String, minijinja::Error> {
        let mut names: Vec<String> = vec![];
        let mut tag = language.filter(|tag| tag.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'-'));
        while let Some(language) = tag {
            names.push(format!("{language}/{file}"));
            tag = language.rsplit_once('-').map(|(shorter, _)| shorter);
        }
        names.push(format!("en/{file}"));
        let template = names.iter().find_map(|name| self.environment.get_template(name).ok());
        let template = match template {
            Some(template) => template,
            None => self.environment.get_template(&format!("en/{file}"))?,
        };
        template.render(context).map(|text| text.trim().to_owned())
    }
}

/// The files of a folder, each below its language.
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
            let text = fs::read_to_string(&file).map_err(|error| unreadable(&file, error))?;
            files.push((name.join("/"), text));
        }
    }
    Ok(files)
}

fn entries(folder: &Path) -> io::Result<Vec<std::path::PathBuf>> {
    fs::read_dir(folder)?.map(|entry| entry.map(|entry| entry.path())).collect()
}

#[cfg(test)]
mod tests {
    use minijinja::context;

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
        fs::write(folder.path().join("nl/sms.txt"), "{{ code ").unwrap();
        assert!(matches!(Texts::read(Some(folder.path())), Err(TextsError::Broken(name, _)) if name == "nl/sms.txt"));
    }

    #[test]
    fn a_hostile_name_is_only_a_name_in_html() {
        let texts = Texts::read(None).unwrap();
        let hostile = context! { site => "<script>", ..words() };
        assert!(!texts.render("email.html", None, &hostile).unwrap().contains("<script>"));
    }
}
