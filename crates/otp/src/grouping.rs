//! The characters people put between groups of digits or letters so that they can read them. This module never accepts
//! or refuses a text; it keeps one list for codes and keys alike.

/// Whether a person, or the app they copied from, may have put `character` between two groups.
pub(crate) fn is_separator(character: char) -> bool {
    matches!(
        character,
        ' ' | '\t'
            | '-'
            | '\u{a0}' // no-break space
            | '\u{2009}' // thin space
            | '\u{2011}' // non-breaking hyphen
            | '\u{2013}' // en dash
            | '\u{202f}' // narrow no-break space
            | '\u{3000}' // ideographic space
    )
}
