//! What HTTP says that Atoll's host needs to know as well, where it takes these files in. Pure.

pub(crate) mod coding;
pub(crate) mod framing;
