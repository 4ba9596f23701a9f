//! The web: session layer, extractors, guards and pages.
