//! Reaching people and outside services.
