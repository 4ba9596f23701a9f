//! Phone numbers, compared with Google's own library: which ones exist, and in which country.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use countersign_engine::port::PhoneNumberParser as _;
use countersign_gateway::Libphonenumber;

fn shown(region: &str, typed: &str) -> Option<String> {
    let numbers = match region {
        "" => Libphonenumber::default(),
        region => Libphonenumber::of_region(region).unwrap(),
    };
    numbers.parse(typed).map(|number| number.international().to_owned())
}

#[test]
fn every_number_is_what_was_typed_and_no_stranger_s() {
    let rows = include_str!("numbers.txt").lines().filter(|line| !line.starts_with('#'));
    let mut count = 0;
    for row in rows {
        let columns: Vec<_> = row.split('|').map(str::trim).collect();
        let [region, typed, expected] = columns[..] else { panic!("{row}") };
        let expected = (!expected.is_empty()).then(|| expected.to_owned());
        assert_eq!(shown(region, typed), expected, "{row}");
        count += 1;
    }
    assert!(count > 75, "{count} rows");
}

/// A number with an extension or other text beside it is refused.
#[test]
fn what_is_more_than_a_number_is_none() {
    let long = "+31612345678".repeat(10);
    for typed in
        ["", "ada@example.org", "+31612345678 ext. 5", "+31612345678;ext=5", "1-800-FLOWERS", "tel:+31612345678", &long]
    {
        assert_eq!(shown("US", typed), None, "{typed}");
    }
}
