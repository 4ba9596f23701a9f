//! Reaching people and outside services.
//!
//! Where codes are sent by mail, text message or call, and where services that check codes of their own are asked, the
//! adapters stand here, each behind a port of `countersign-engine`. No method of today needs one. A gateway never decides
//! whom to reach, and never writes what it carries into a log.
