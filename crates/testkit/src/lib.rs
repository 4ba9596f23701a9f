//! Still clocks, seeded randomness, soft tokens, a browser-like client and contract suites.
