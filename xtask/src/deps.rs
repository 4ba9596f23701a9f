//! `cargo xtask deps`: checks external dependencies against `deny.toml` without network access: licences, duplicate
//! crates and sources. `cargo deny check` reads the file in the same way and also checks advisories.

mod expression;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt, fs,
};

use anyhow::{Context as _, Result, bail, ensure};
use serde::Deserialize;

use crate::{
    command::{cargo, read},
    workspace::Workspace,
};

/// The file with the rules, relative to the root of the workspace.
const POLICY: &str = "deny.toml";

/// The keys of `deny.toml` that we check. Another key is an error, so that no rule is ignored without notice.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Policy {
    graph: Graph,
    licenses: Licenses,
    bans: Bans,
    #[expect(dead_code, reason = "`deny` is the only level it can hold, so reading it checks it")]
    sources: Sources,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Graph {
    targets: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Licenses {
    allow: Vec<String>,
    #[serde(default)]
    exceptions: Vec<Exception>,
}

/// Licences that one crate may have and others may not.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Exception {
    #[serde(rename = "crate")]
    name: String,
    allow: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Bans {
    #[expect(dead_code, reason = "`deny` is the only level it can hold, so reading it checks it")]
    multiple_versions: Level,
    multiple_versions_include_dev: bool,
    #[serde(default)]
    skip: Vec<Skip>,
}

/// An older series that is allowed beside the newest, `name@series`, and why.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Skip {
    #[serde(rename = "crate")]
    series: String,
    reason: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
#[expect(dead_code, reason = "`deny` is the only level they can hold, so reading them checks them")]
struct Sources {
    unknown_registry: Level,
    unknown_git: Level,
}

/// How serious a finding is: there are no warnings.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Level {
    Deny,
}

/// The dependency graph of one target, from `cargo metadata`.
#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    version: String,
    license: Option<String>,
    /// `None` for a package in a folder of the workspace.
    source: Option<String>,
    dependencies: Vec<Dependency>,
}

#[derive(Deserialize)]
struct Dependency {
    source: Option<String>,
    /// `None` for cargo's default registry.
    registry: Option<String>,
}

impl fmt::Display for Package {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{} {}`", self.name, self.version)
    }
}

/// The series of compatible versions, as cargo defines it: 1.2.3 belongs to 1, 0.2.3 to 0.2, 0.0.3 to 0.0.3.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Series(Vec<u64>);

impl Series {
    fn of(version: &str) -> Result<Self> {
        let numbers = version.split(['-', '+']).next().unwrap_or_default().split('.');
        let numbers: Vec<u64> = numbers
            .map(str::parse)
            .collect::<Result<_, _>>()
            .with_context(|| format!("`{version}` is not a version"))?;
        ensure!(numbers.len() == 3, "`{version}` is not a version");
        let leading_zeros = numbers.iter().take_while(|number| **number == 0).count();
        Ok(Self(numbers.into_iter().take(leading_zeros + 1).collect()))
    }
}

impl fmt::Display for Series {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.iter().map(u64::to_string).collect::<Vec<_>>().join("."))
    }
}

/// Checks the graph in `Cargo.lock` for the target in `deny.toml`, and lists every finding.
pub(crate) fn deps(workspace: &Workspace) -> Result<()> {
    let file = fs::read_to_string(workspace.root.join(POLICY)).with_context(|| format!("could not read {POLICY}"))?;
    let policy = policy(&file)?;
    let metadata = metadata(workspace, &policy)?;
    let findings = findings(&policy, &metadata)?;
    ensure!(findings.is_empty(), "{POLICY} does not allow what Cargo.lock brings:\n  {}", findings.join("\n  "));
    println!("{} packages keep to {POLICY}", metadata.packages.len());
    Ok(())
}

fn policy(file: &str) -> Result<Policy> {
    let policy: Policy = toml::from_str(file).with_context(|| format!("{POLICY} is not as expected"))?;
    ensure!(
        policy.bans.multiple_versions_include_dev,
        "{POLICY}: we count what tests use, so say so to cargo-deny too"
    );
    Ok(policy)
}

/// Asks cargo without network access first. If packages are not downloaded yet, cargo fetches them as in any build.
fn metadata(workspace: &Workspace, policy: &Policy) -> Result<Metadata> {
    let [target] = policy.graph.targets.as_slice() else { bail!("{POLICY}: `graph.targets` has to name one target") };
    let arguments = ["metadata", "--format-version", "1", "--locked", "--filter-platform", target];
    let ask = |more: &[&str]| read(cargo().current_dir(&workspace.root).args(arguments).args(more));
    let metadata = ask(&["--offline"]).or_else(|_| ask(&[]))?;
    serde_json::from_str(&metadata).context("`cargo metadata` has another shape than expected")
}

fn findings(policy: &Policy, metadata: &Metadata) -> Result<Vec<String>> {
    let mut findings = licences(&policy.licenses, metadata);
    findings.extend(duplicates(&policy.bans.skip, metadata)?);
    findings.extend(sources(metadata));
    Ok(findings)
}

fn licences(rules: &Licenses, metadata: &Metadata) -> Vec<String> {
    let mut findings = Vec::new();
    let mut unneeded: BTreeMap<&str, &Exception> =
        rules.exceptions.iter().map(|exception| (exception.name.as_str(), exception)).collect();
    for package in &metadata.packages {
        let Some(expression) = &package.license else {
            findings.push(format!("{package} names no licence"));
            continue;
        };
        let everywhere = |licence: &str| rules.allow.iter().any(|allowed| allowed == licence);
        let here = |licence: &str| {
            let own = rules.exceptions.iter().filter(|exception| exception.name == package.name);
            everywhere(licence) || own.flat_map(|exception| &exception.allow).any(|allowed| allowed == licence)
        };
        match (expression::met(expression, &everywhere), expression::met(expression, &here)) {
            (Ok(true), _) => {}
            (_, Ok(true)) => drop(unneeded.remove(package.name.as_str())),
            (_, Ok(false)) => findings.push(format!("{package} has the licence `{expression}`, which is not allowed")),
            (_, Err(error)) => findings.push(format!("{package} has the licence `{expression}`: {error}")),
        }
    }
    findings.extend(unneeded.keys().map(|name| format!("the exception for the licence of `{name}` is not needed")));
    findings
}

fn duplicates(skips: &[Skip], metadata: &Metadata) -> Result<Vec<String>> {
    let mut crates = BTreeMap::<&str, BTreeSet<Series>>::new();
    for package in &metadata.packages {
        crates.entry(&package.name).or_default().insert(Series::of(&package.version)?);
    }
    let mut unexplained = BTreeSet::new();
    for (name, mut series) in crates {
        series.pop_last();
        unexplained.extend(series.into_iter().map(|older| format!("{name}@{older}")));
    }
    let mut findings = Vec::new();
    for Skip { series, reason } in skips {
        if !unexplained.remove(series) {
            findings.push(format!("the skip of `{series}` is not needed"));
        }
        if reason.trim().is_empty() {
            findings.push(format!("the skip of `{series}` has no reason"));
        }
    }
    let unexplained = unexplained.iter();
    findings.extend(unexplained.map(|older| format!("`{older}` is there beside a newer one, and no skip says why")));
    Ok(findings)
}

fn sources(metadata: &Metadata) -> Vec<String> {
    let registry = default_registry(metadata);
    let foreign = metadata.packages.iter().filter_map(|package| Some((package, package.source.as_deref()?)));
    let unknown = foreign.filter(|(_, source)| Some(*source) != registry);
    let findings = unknown.map(|(package, source)| match source.split_once('+') {
        Some(("git", _)) => format!("{package} comes from a git repository"),
        _ => format!("{package} comes from a registry that is not cargo's default"),
    });
    findings.collect()
}

/// cargo's default registry: the source of every dependency that our manifests declare without one.
fn default_registry(metadata: &Metadata) -> Option<&str> {
    let ours = metadata.packages.iter().filter(|package| package.source.is_none());
    let unnamed = ours.flat_map(|package| &package.dependencies).filter(|dependency| dependency.registry.is_none());
    unnamed.filter_map(|dependency| dependency.source.as_deref()).find(|source| source.starts_with("registry+"))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const RULES: &str = r#"
        [graph]
        targets = ["x86_64-unknown-linux-gnu"]
        [licenses]
        allow = ["MIT"]
        [bans]
        multiple-versions = "deny"
        multiple-versions-include-dev = true
        [sources]
        unknown-registry = "deny"
        unknown-git = "deny"
    "#;

    const REGISTRY: &str = "registry+https://default.test/index";

    fn package(name: &str, version: &str) -> Value {
        json!({ "name": name, "version": version, "license": "MIT", "source": REGISTRY, "dependencies": [] })
    }

    fn with(mut package: Value, key: &str, value: &str) -> Value {
        package[key] = value.into();
        package
    }

    /// The findings for a graph of one workspace crate and these packages, under the rules above and some more.
    fn found(more_rules: &str, packages: &[Value]) -> Vec<String> {
        let asks = |registry: Value, source: &str| json!({ "registry": registry, "source": source });
        let ours = json!({ "name": "ours", "version": "0.1.0", "license": "MIT", "source": null, "dependencies": [
            asks("https://elsewhere.test/index".into(), "registry+https://elsewhere.test/index"),
            asks(Value::Null, "git+https://forge.test/repository"),
            asks(Value::Null, REGISTRY),
        ] });
        let packages: Vec<_> = [ours].iter().chain(packages).cloned().collect();
        let metadata = serde_json::from_value(json!({ "packages": packages })).unwrap();
        findings(&policy(&format!("{RULES}{more_rules}")).unwrap(), &metadata).unwrap()
    }

    const SKIP: &str = "[[bans.skip]]\ncrate = 'twice@0.2'\nreason = 'old needs it'\n";

    #[test]
    fn a_graph_that_keeps_to_the_rules_has_no_findings() {
        assert_eq!(found("", &[package("one", "1.2.3"), package("other", "0.2.3")]), [""; 0]);
    }

    #[test]
    fn a_licence_that_is_not_allowed_is_found() {
        let found = found("", &[with(package("one", "1.2.3"), "license", "MIT AND SSPL-1.0")]);
        assert_eq!(found, ["`one 1.2.3` has the licence `MIT AND SSPL-1.0`, which is not allowed"]);
    }

    #[test]
    fn a_licence_that_is_missing_or_unreadable_is_found() {
        let mut missing = package("none", "1.0.0");
        missing["license"] = Value::Null;
        let found = found("", &[missing, with(package("odd", "1.0.0"), "license", "MIT OR")]);
        assert_eq!(found[0], "`none 1.0.0` names no licence");
        assert!(found[1].starts_with("`odd 1.0.0` has the licence `MIT OR`: "), "{found:?}");
        assert_eq!(found.len(), 2);
    }

    #[test]
    fn an_exception_serves_its_own_crate_and_has_to_be_needed() {
        let rule = "[[licenses.exceptions]]\ncrate = 'one'\nallow = ['ISC']\n";
        let [one, other] = ["one", "other"].map(|name| with(package(name, "1.0.0"), "license", "ISC"));
        assert_eq!(found(rule, std::slice::from_ref(&one)), [""; 0]);
        assert_eq!(found(rule, &[one, other]), ["`other 1.0.0` has the licence `ISC`, which is not allowed"]);
        let unneeded = ["the exception for the licence of `one` is not needed"];
        assert_eq!(found(rule, &[package("one", "1.0.0")]), unneeded);
        assert_eq!(found(rule, &[]), unneeded);
    }

    #[test]
    fn a_crate_that_is_there_twice_needs_a_skip_for_the_older_series() {
        let twice = [package("twice", "0.10.0"), package("twice", "0.2.9")];
        assert_eq!(found("", &twice), ["`twice@0.2` is there beside a newer one, and no skip says why"]);
        assert_eq!(found(SKIP, &twice), [""; 0]);
    }

    #[test]
    fn a_skip_has_to_be_needed_and_to_have_a_reason() {
        let unneeded = ["the skip of `twice@0.2` is not needed"];
        assert_eq!(found(SKIP, &[package("twice", "0.2.9")]), unneeded, "it is there once");
        assert_eq!(found(SKIP, &[]), unneeded, "it is gone");
        let twice = [package("twice", "0.10.0"), package("twice", "0.2.9")];
        assert_eq!(found(&format!("{SKIP}{SKIP}"), &twice), unneeded, "one is enough");
        let silent = SKIP.replace("old needs it", " ");
        assert_eq!(found(&silent, &twice), ["the skip of `twice@0.2` has no reason"]);
    }

    #[test]
    fn a_series_is_what_cargo_takes_for_compatible() {
        for (version, series) in [
            ("1.2.3", "1"),
            ("12.0.0", "12"),
            ("0.2.3", "0.2"),
            ("0.0.3", "0.0.3"),
            ("0.3.0-rc.1", "0.3"),
            ("2.0.9+1.4", "2"),
        ] {
            assert_eq!(Series::of(version).unwrap().to_string(), series, "{version}");
        }
        for broken in ["", "1", "1.2", "1.2.3.4", "1.x.0"] {
            assert!(Series::of(broken).is_err(), "{broken}");
        }
    }

    #[test]
    fn a_package_from_git_or_from_another_registry_is_found() {
        let git = with(package("forked", "1.0.0"), "source", "git+https://forge.test/repository#0123");
        assert_eq!(found("", &[git]), ["`forked 1.0.0` comes from a git repository"]);
        for source in ["registry+https://elsewhere.test/index", "sparse+https://default.test/index"] {
            let found = found("", &[with(package("one", "1.0.0"), "source", source)]);
            assert_eq!(found, ["`one 1.0.0` comes from a registry that is not cargo's default"], "{source}");
        }
    }

    #[test]
    fn rules_that_we_do_not_apply_are_refused() {
        for (rule, lax) in [
            ("multiple-versions = \"deny\"", "multiple-versions = \"warn\""),
            ("unknown-git = \"deny\"", "unknown-git = \"allow\""),
            ("unknown-registry = \"deny\"", ""),
            ("include-dev = true", "include-dev = false"),
            ("[bans]", "[bans]\nwildcards = \"deny\""),
        ] {
            assert!(RULES.contains(rule), "{rule}");
            assert!(policy(&RULES.replace(rule, lax)).is_err(), "{lax}");
        }
        let no_reason = format!("{RULES}[[bans.skip]]\ncrate = 'twice@0.2'\n");
        assert!(policy(&no_reason).is_err());
    }
}
