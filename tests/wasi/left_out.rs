//! The cases that no component runs, and why.
//!
//! Beside these: those that a command line is part of (see `scripts`); the stems `build`, `check`, `cli`, `permissions`, `terminal` and `test`, which
//! are about commands; `process`, as there are no arguments, no environment and no exit code; `limits` and `errors`, whose limits
//! are given and whose errors are drawn by `atoll run`; and `websocket`, as wasi:http has none.

/// What `atoll build` finds, for any target.
const REFUSED: &str = "no component is built of it, as a require in it leads nowhere";

/// The connections are the host's.
const CONNECTIONS: &str = "it counts connections, and they are the host's";

/// Of the stems that `scripts` runs.
pub(super) const CASES: &[(&str, &str)] = &[
    (
        "console/print_handles",
        "its server has WebSockets, which a component has not",
    ),
    (
        "console/print_hostile",
        "the script's path in the component is longer, so that tables break at other places",
    ),
    (
        "console/print_other_values",
        "it prints `process`, in whose place stands a table of the test",
    ),
    ("http_client/connections_are_reused", CONNECTIONS),
    (
        "http_client/redirect_drops_credentials",
        "wasmtime takes no `proxy-authorization`; `redirect.rs` has the rule in a test of its own",
    ),
    ("modules/a_luaurc_that_is_wrong", REFUSED),
    ("modules/aliases_that_lead_nowhere", REFUSED),
    (
        "modules/libraries",
        "it compares `process`, in whose place stands a table of the test",
    ),
];
