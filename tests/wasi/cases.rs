//! Cases of `cases/http_server` a third time: as components in a host of wasi:http, where their clients must hear the same.

use std::fs;

use libtest_mimic::{Failed, Trial};

use super::build::build;
use super::host::{Host, Instances, compile};
use crate::harness::child::scratch;
use crate::harness::{dialogue, notation, root};

/// Those that are about a handler and its answers, and not about sockets, handles or what Atoll's own host says. Each is a
/// component to be compiled, so that one stands for those that are like it.
const CASES: [&str; 15] = [
    "chunked_request",
    "error_hook",
    "handler_throws_after_a_wait",
    "head",
    "methods",
    "no_content",
    "path_is_decoded",
    "query_is_decoded",
    "request_body",
    "request_headers",
    "results_of_a_wrong_type",
    "results_with_a_forbidden_header",
    "several_set_cookie",
    "table_result_with_buffer",
    "unusual_status_codes",
];

/// One test for each.
pub(super) fn trials() -> Vec<Trial> {
    let test = |case: &'static str| Trial::test(format!("wasi::cases::{case}"), move || play(case));
    CASES.map(test).into()
}

fn play(case: &str) -> Result<(), Failed> {
    let folder = root().join("tests/cases/http_server").join(case);
    let place = scratch().join("components").join(case);
    fs::create_dir_all(&place)?;
    let component = place.join("app.wasm");
    build(&folder, &component)?.expect_code(0)?;
    let host = Host::start(&compile(&component)?, Instances::Each)?;
    let client = fs::read_to_string(folder.join("client.http"))?;
    let client = client.replace("{server}", &host.address().to_string());
    let steps = notation::parse(&client).map_err(|error| format!("client.http: {error}"))?;
    let no_signals = |_: &str| Err("a component gets no signals".into());
    dialogue::play(&steps, host.address(), &no_signals)
}
