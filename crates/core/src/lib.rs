//! The rules of Countersign: devices, methods, throttle, assurance, flows and refusals.
