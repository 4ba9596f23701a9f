//! The sources of settings: flags, the environment, a file. All are read as text, by the names of the list of settings.

use std::{
    collections::BTreeMap,
    fmt, fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, bail};

use super::{kubernetes, setting};

/// The prefix of environment variables.
const PREFIX: &str = "COUNTERSIGN_";
/// The variable that names the file. It is a flag of the command line, and not a setting.
const CONFIG: &str = "COUNTERSIGN_CONFIG";

/// Settings that were renamed: the earlier name and the current one.
const RENAMED: [(&str, &str); 11] = [
    ("recent", "reauthentication_window"),
    ("first_step_per_account", "password_attempts_per_account"),
    ("first_step_per_address", "password_attempts_per_ip"),
    ("first_step_window", "password_attempt_window"),
    ("known_browser", "device_cookie_lifetime"),
    ("token_longest", "personal_token_max_lifetime"),
    ("token_most", "personal_tokens_per_user"),
    ("throttle_cap", "max_consecutive_failures"),
    ("throttle_ceiling", "max_throttle_delay"),
    ("code_spend", "code_daily_budget"),
    ("code_breaker_makes_good", "code_breaker_credit"),
];

/// How similar two names have to be for one to be suggested for the other: 0 for nothing in common, 1 for the same.
const ALIKE: f64 = 0.7;

/// The texts of all settings, not yet parsed.
#[derive(Debug, Default)]
pub(crate) struct Sources {
    flags: BTreeMap<&'static str, String>,
    environment: BTreeMap<String, String>,
    /// Environment variables that Kubernetes sets and that are not settings.
    of_kubernetes: Vec<String>,
    file: BTreeMap<String, String>,
    path: PathBuf,
}

/// The source of a setting.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Source {
    Flag,
    Environment,
    File(PathBuf),
    Default,
}

impl Sources {
    /// Reads the environment and, if one is named, the file.
    pub(crate) fn read(
        flags: BTreeMap<&'static str, String>,
        environment: impl IntoIterator<Item = (String, String)>,
        file: Option<&Path>,
    ) -> Result<Self> {
        let path = file.unwrap_or(Path::new("")).to_owned();
        let file = file.map(read_file).transpose()?.unwrap_or_default();
        let (of_kubernetes, environment) = split(environment);
        Ok(Self { flags, environment: known(environment)?, of_kubernetes, file, path })
    }

    /// The names of the variables that were ignored because Kubernetes sets them for a Service.
    pub(crate) fn ignored(&self) -> &[String] {
        &self.of_kubernetes
    }

    /// The text of a setting and its source, if it is set.
    pub(super) fn look_up(&self, name: &str) -> Option<(&str, Source)> {
        let flag = self.flags.get(name).map(|text| (text, Source::Flag));
        let environment = || self.environment.get(name).map(|text| (text, Source::Environment));
        let file = || self.file.get(name).map(|text| (text, Source::File(self.path.clone())));
        flag.or_else(environment).or_else(file).map(|(text, source)| (text.as_str(), source))
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag => f.write_str("the command line"),
            Self::Environment => f.write_str("the environment"),
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Default => f.write_str("the default"),
        }
    }
}

/// Separates the names of variables that Kubernetes sets for a Service from variables that have to be settings.
fn split(environment: impl IntoIterator<Item = (String, String)>) -> (Vec<String>, Vec<(String, String)>) {
    let ours = environment.into_iter().filter(|(name, _)| name.starts_with(PREFIX) && name != CONFIG);
    let is_set =
        |(name, value): &(String, String)| name.strip_prefix(PREFIX).is_some_and(|name| kubernetes::sets(name, value));
    let (of_kubernetes, settings): (Vec<_>, Vec<_>) = ours.partition(is_set);
    let mut names: Vec<String> = of_kubernetes.into_iter().map(|(name, _)| name).collect();
    names.sort_unstable();
    (names, settings)
}

/// The variables as settings, by the settings' names.
fn known(environment: Vec<(String, String)>) -> Result<BTreeMap<String, String>> {
    let settings = environment.into_iter().map(|(variable, text)| {
        let name = variable.strip_prefix(PREFIX).unwrap_or(&variable).to_ascii_lowercase();
        if is_setting(&name) && variable == in_environment(&name) {
            return Ok((name, text));
        }
        bail!("unknown setting {variable} in the environment{}", hint(&name, in_environment))
    });
    settings.collect()
}

fn read_file(path: &Path) -> Result<BTreeMap<String, String>> {
    let text = fs::read_to_string(path)
        .with_context(|| format!("could not read the configuration file {}", path.display()))?;
    parse_file(&text).with_context(|| format!("could not use the configuration file {}", path.display()))
}

fn parse_file(text: &str) -> Result<BTreeMap<String, String>> {
    let table: toml::Table = toml::from_str(text).map_err(|error| in_one_line(&error, text))?;
    let settings = table.into_iter().map(|(name, value)| {
        if !is_setting(&name) {
            bail!("unknown setting {name}{}", hint(&name, str::to_owned));
        }
        let text = plain(value).with_context(|| format!("{name} must be a text, a number, true, false or a list"))?;
        Ok((name, text))
    });
    settings.collect()
}

/// The error in a file with its line, without the excerpt that the parser adds.
fn in_one_line(error: &toml::de::Error, text: &str) -> anyhow::Error {
    let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
    let line = before.matches('\n').count().saturating_add(1);
    let message = error.message().lines().next().unwrap_or_default().to_owned();
    anyhow::anyhow!("line {line}: {message}")
}

/// A value as it would be written in the environment.
fn plain(value: toml::Value) -> Option<String> {
    match value {
        toml::Value::String(text) => Some(text),
        toml::Value::Integer(number) => Some(number.to_string()),
        toml::Value::Boolean(switch) => Some(switch.to_string()),
        toml::Value::Array(values) => {
            let entries: Option<Vec<String>> = values.into_iter().map(plain).collect();
            entries.map(|entries| entries.join(","))
        }
        toml::Value::Float(_) | toml::Value::Datetime(_) | toml::Value::Table(_) => None,
    }
}

fn is_setting(name: &str) -> bool {
    setting::all().any(|setting| setting.name == name)
}

fn in_environment(name: &str) -> String {
    format!("{PREFIX}{}", name.to_ascii_uppercase())
}

/// The setting with the most similar name, if there is one that is similar enough.
fn nearest(name: &str) -> Option<&'static str> {
    let alike = |known: &str| strsim::jaro_winkler(name, known);
    let near = setting::all().map(|setting| (alike(setting.name), setting.name)).max_by(|a, b| a.0.total_cmp(&b.0));
    near.filter(|(alike, _)| *alike >= ALIKE).map(|(_, name)| name)
}

/// A suggestion for an unknown name, in the notation of this source.
fn hint(name: &str, written: impl Fn(&str) -> String) -> String {
    if let Some((_, now)) = RENAMED.iter().find(|(before, _)| *before == name) {
        return format!(": it is now called {}", written(now));
    }
    match nearest(name) {
        Some(near) => format!(": did you mean {}?", written(near)),
        None => ": `countersign config show` lists all settings".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(pairs: &[(&str, &str)]) -> Result<Sources> {
        let pairs = pairs.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned()));
        Sources::read(BTreeMap::new(), pairs, None)
    }

    #[test]
    fn a_setting_by_its_earlier_name_is_told_the_name_that_it_has_now() {
        for (before, now) in RENAMED {
            assert!(is_setting(now) && !is_setting(before), "{before}");
            let error = parse_file(&format!("{before} = 1")).unwrap_err().to_string();
            assert_eq!(error, format!("unknown setting {before}: it is now called {now}"));
        }
        let error = environment(&[("COUNTERSIGN_RECENT", "5m")]).unwrap_err().to_string();
        let now = "COUNTERSIGN_REAUTHENTICATION_WINDOW";
        assert_eq!(error, format!("unknown setting COUNTERSIGN_RECENT in the environment: it is now called {now}"));
    }

    #[test]
    fn a_flag_goes_before_the_environment_and_that_before_the_file() {
        let both = Sources {
            file: BTreeMap::from([
                ("bind".into(), "3".into()),
                ("log".into(), "3".into()),
                ("reauthentication_window".into(), "3".into()),
            ]),
            environment: BTreeMap::from([("bind".into(), "2".into()), ("log".into(), "2".into())]),
            flags: BTreeMap::from([("bind", "1".into())]),
            path: "c.toml".into(),
            ..Sources::default()
        };
        assert_eq!(both.look_up("bind"), Some(("1", Source::Flag)));
        assert_eq!(both.look_up("log"), Some(("2", Source::Environment)));
        assert_eq!(both.look_up("reauthentication_window"), Some(("3", Source::File("c.toml".into()))));
        assert_eq!(both.look_up("key_file"), None);
    }

    #[test]
    fn an_unknown_variable_is_an_error_that_names_the_nearest() {
        for (name, hint) in [
            ("COUNTERSIGN_BINDD", ": did you mean COUNTERSIGN_BIND?"),
            ("COUNTERSIGN_LOGINTIMEOUT", ": did you mean COUNTERSIGN_LOGIN_TIMEOUT?"),
            ("COUNTERSIGN_bind", ": did you mean COUNTERSIGN_BIND?"),
            ("COUNTERSIGN_XYZZY", ": `countersign config show` lists all settings"),
        ] {
            let error = environment(&[(name, "x")]).unwrap_err().to_string();
            assert_eq!(error, format!("unknown setting {name} in the environment{hint}"));
        }
    }

    #[test]
    fn variables_of_others_and_the_name_of_the_file_are_left_alone() {
        let sources = environment(&[("BIND", "x"), ("COUNTERSIGN_CONFIG", "x"), ("COUNTERSIGN_BIND", "y")]).unwrap();
        assert_eq!(sources.look_up("bind"), Some(("y", Source::Environment)));
        assert_eq!(sources.environment.len(), 1);
    }

    #[test]
    fn variables_of_kubernetes_are_ignored_and_reported() {
        let service = [("COUNTERSIGN_PORT", "tcp://10.0.0.7:80"), ("COUNTERSIGN_DB_SERVICE_HOST", "10.0.0.8")];
        let sources = environment(&[service[0], ("COUNTERSIGN_BIND", "y"), service[1]]).unwrap();
        assert_eq!(sources.ignored(), ["COUNTERSIGN_DB_SERVICE_HOST", "COUNTERSIGN_PORT"]);
        assert_eq!((sources.environment.len(), sources.look_up("bind")), (1, Some(("y", Source::Environment))));
        assert!(environment(&[("COUNTERSIGN_PORT", "8000")]).is_err(), "it is not what Kubernetes would set");
    }

    #[test]
    fn a_file_says_what_is_wrong_and_where() {
        for (text, error) in [
            ("bimd = 1", "unknown setting bimd: did you mean bind?"),
            ("[throttle]\nfactor = 1", "unknown setting throttle: did you mean throttle_factor?"),
            (
                "reauthentication_window = 1.5",
                "reauthentication_window must be a text, a number, true, false or a list",
            ),
            ("log = \"info\"\nbind = ", "line 2: string values must be quoted, expected literal string"),
        ] {
            assert_eq!(parse_file(text).unwrap_err().to_string(), error);
        }
    }

    #[test]
    fn numbers_switches_and_lists_are_texts_too() {
        let file = parse_file("password_minimum = 20\ntotp_strict = true\ntrusted_proxies = [\"::1\", \"10.0.0.0/8\"]");
        let file = file.unwrap();
        assert_eq!(file.get("password_minimum").unwrap(), "20");
        assert_eq!(file.get("totp_strict").unwrap(), "true");
        assert_eq!(file.get("trusted_proxies").unwrap(), "::1,10.0.0.0/8");
    }
}
