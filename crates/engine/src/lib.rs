//! The deed: ports, the verification path, the flow path, and a store in memory.
