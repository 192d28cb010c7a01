//! The page of `examples/chat` in headless Chromium, which chat.mjs drives through playwright-core. What it looks
//! like is left in `target/tmp/peers/chromium/chat.png`, or where `ATOLL_SCREENSHOT` says, seen from the project's
//! folder: `docs/chat.png` was made so.

use std::env;
use std::time::Duration;

use libtest_mimic::{Failed, Trial};

use crate::harness::child::Atoll;
use crate::harness::{root, trials};
use crate::program::{folder, node, program, same, start};

/// The tests of this file.
pub(crate) fn trials() -> Vec<Trial> {
    trials![two_people_chat]
}

fn two_people_chat() -> Result<(), Failed> {
    let chromium = program("chromium")?;
    let words = [
        "run",
        "examples/chat/main.luau",
        "--allow-listen=localhost",
        "--",
        "0",
    ];
    // A browser starts slowly on a busy machine.
    let server = Atoll::new(&root(), words)
        .time_limit(Duration::from_secs(180))
        .start()?;
    let screenshot = match env::var_os("ATOLL_SCREENSHOT") {
        Some(path) => path.into(),
        None => folder("chromium")?.join("chat.png"),
    };
    let mut command = node("chat.mjs")?;
    command
        .current_dir(root())
        .arg(chromium.get_program())
        .arg(format!("http://{}/", server.address()?))
        .arg(screenshot);
    let browser = start(command)?;
    if browser.wait_stdout("talked\n").is_ok() {
        server.signal("INT")?;
    }
    // What went wrong before is in its output.
    let finished = browser.finish()?;
    finished.expect_code(0)?;
    same(
        "what the browser saw",
        "entered\nsaid\nleft\ntalked\ndisconnected\n",
        &finished.out(),
    )?;
    server.finish()?.expect_code(130)?;
    Ok(())
}
