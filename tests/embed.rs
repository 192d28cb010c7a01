//! The library as an embedder uses it: with a resolver and a console of its own. What names resolve to can
//! be said here, so this is where DNS is tested.

use std::collections::HashMap;
use std::io;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use atoll::{
    Console, Event, Limits, Output, Permissions, Resolver, Resolving, RunError, Runtime, Script, ScriptError,
    Stop,
};
use libtest_mimic::{Failed, Trial};

use crate::harness::child::scratch;
use crate::harness::peer::Peer;
use crate::harness::trials;

/// The tests of this file.
pub(crate) fn trials() -> Vec<Trial> {
    trials![
        a_name_does_not_open_private_space,
        of_mixed_answers_only_the_granted_one_is_used,
        an_answer_that_changes_is_checked_again,
        a_name_that_no_rule_mentions_is_not_looked_up,
        a_name_without_an_address,
        a_slow_resolver_times_out,
        two_runtimes_share_nothing,
        a_run_can_be_stopped,
        a_script_ends_itself,
        a_heavy_script_that_waits_gives_up_its_turn,
    ]
}

/// Answers from a table; each name's answers in turn, the last one again and again.
#[derive(Clone, Default)]
struct Table {
    answers: HashMap<&'static str, Vec<Vec<IpAddr>>>,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Table {
    fn of(answers: &[(&'static str, &[&[&str]])]) -> Result<Table, Failed> {
        let mut table = Table::default();
        for (name, turns) in answers {
            let turns = turns
                .iter()
                .map(|turn| turn.iter().map(|address| address.parse()).collect());
            table.answers.insert(name, turns.collect::<Result<_, _>>()?);
        }
        Ok(table)
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Resolver for Table {
    fn resolve(&self, name: String) -> Resolving {
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        let turn = asked.iter().filter(|other| **other == name).count();
        let answer = self
            .answers
            .get(name.as_str())
            .map(|turns| turns[turn.min(turns.len() - 1)].clone());
        asked.push(name);
        Box::pin(async move { answer.ok_or_else(|| io::Error::other("no such name")) })
    }
}

/// A resolver that never answers.
struct Silent;

impl Resolver for Silent {
    fn resolve(&self, _: String) -> Resolving {
        Box::pin(std::future::pending())
    }
}

/// Keeps what scripts print.
#[derive(Clone, Default)]
pub(crate) struct Lines(Arc<Mutex<String>>);

impl Lines {
    pub(crate) fn text(&self) -> String {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn add(&self, line: &str) {
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        lines.push_str(line);
        lines.push('\n');
    }
}

impl Console for Lines {
    fn write_line(&self, _: Output, text: &[u8]) -> io::Result<()> {
        self.add(&String::from_utf8_lossy(text));
        Ok(())
    }

    fn report(&self, error: &ScriptError) {
        self.add(&error.to_string());
    }

    fn event(&self, event: &Event<'_>) {
        self.add(&format!("{event:?}"));
    }
}

fn allow(rules: &[&str]) -> Result<Permissions, Failed> {
    let rules = rules
        .iter()
        .map(|rule| rule.parse())
        .collect::<Result<Vec<_>, _>>()?;
    Ok(Permissions::none().allow_net(rules))
}

/// A runtime whose scripts print to the lines.
fn runtime(
    permissions: Permissions,
    resolver: impl Resolver + 'static,
    limits: Limits,
) -> Result<(Runtime, Lines), Failed> {
    let lines = Lines::default();
    let runtime = Runtime::builder()
        .permissions(permissions)
        .limits(limits)
        .resolver(resolver)
        .console(lines.clone())
        .cache(scratch().join("atoll"))
        .build()?;
    Ok((runtime, lines))
}

/// Runs a future to its end, on a runtime of its own.
pub(crate) fn block_on<T>(future: impl Future<Output = T>) -> Result<T, Failed> {
    Ok(tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?
        .block_on(future))
}

/// What a script that asks for the URL (so many times) prints.
fn requested(
    url: &str,
    times: u32,
    permissions: Permissions,
    resolver: impl Resolver + 'static,
    limits: Limits,
) -> Result<String, Failed> {
    let (runtime, lines) = runtime(permissions, resolver, limits)?;
    let source = format!(
        "for _ = 1, {times} do
            local ok, response = net.request({url:?})
            print(ok, if ok then response.statusCode else response)
        end"
    );
    block_on(runtime.run(&Script::new("main.luau", source)))??;
    Ok(lines.text())
}

fn port(peer: &Peer) -> u16 {
    peer.address().port()
}

fn a_name_does_not_open_private_space() -> Result<(), Failed> {
    let peer = Peer::echo()?;
    for address in [
        "127.0.0.1",
        "10.0.0.5",
        "169.254.169.254",
        "::ffff:127.0.0.1",
        "fd00::1",
        "0.0.0.0",
    ] {
        let table = Table::of(&[("api.example.com", &[&[address]])])?;
        let url = format!("http://api.example.com:{}/", port(&peer));
        let printed = requested(&url, 1, allow(&["api.example.com"])?, table, Limits::default())?;
        assert!(
            printed.starts_with("false\tPermissionDenied: net.request to http://api.example.com"),
            "{printed}"
        );
    }
    Ok(())
}

fn of_mixed_answers_only_the_granted_one_is_used() -> Result<(), Failed> {
    let peer = Peer::echo()?;
    let table = Table::of(&[("api.example.com", &[&["10.0.0.5", "192.168.1.1", "127.0.0.1"]])])?;
    let url = format!("http://api.example.com:{}/", port(&peer));
    let rules = allow(&["api.example.com", "127.0.0.1"])?;
    assert_eq!(
        requested(&url, 1, rules, table, Limits::default())?,
        "true\t200\n"
    );
    Ok(())
}

fn an_answer_that_changes_is_checked_again() -> Result<(), Failed> {
    let peer = Peer::start(crate::harness::notation::parse(
        "@ /\n> HTTP/1.1 200 OK\n> content-length: 0\n> connection: close\n>\n= close\n",
    )?)?;
    let table = Table::of(&[("api.example.com", &[&["127.0.0.1"], &["10.0.0.5"]])])?;
    let url = format!("http://api.example.com:{}/", port(&peer));
    let rules = allow(&["api.example.com", "127.0.0.1"])?;
    let printed = requested(&url, 2, rules, table, Limits::default())?;
    assert!(
        printed.starts_with("true\t200\nfalse\tPermissionDenied: "),
        "{printed}"
    );
    Ok(())
}

fn a_name_that_no_rule_mentions_is_not_looked_up() -> Result<(), Failed> {
    let table = Table::of(&[("secret.example.com", &[&["127.0.0.1"]])])?;
    let rules = allow(&["api.example.com", "127.0.0.1", "private"])?;
    let printed = requested(
        "http://secret.example.com/",
        1,
        rules,
        table.clone(),
        Limits::default(),
    )?;
    assert!(printed.starts_with("false\tPermissionDenied: "), "{printed}");
    assert!(table.asked().is_empty(), "{:?} was looked up", table.asked());
    Ok(())
}

fn a_name_without_an_address() -> Result<(), Failed> {
    let table = Table::of(&[("empty.example.com", &[&[]])])?;
    let rules = || allow(&["*.example.com"]);
    for name in ["empty.example.com", "missing.example.com"] {
        let printed = requested(
            &format!("http://{name}/"),
            1,
            rules()?,
            table.clone(),
            Limits::default(),
        )?;
        assert!(
            printed.starts_with(&format!("false\tNameNotResolved: \"{name}\"")),
            "{printed}"
        );
    }
    Ok(())
}

fn a_slow_resolver_times_out() -> Result<(), Failed> {
    let mut limits = Limits::default();
    limits.set("dns=0.05")?;
    let printed = requested("http://api.example.com/", 1, allow(&["public"])?, Silent, limits)?;
    assert!(
        printed.starts_with("false\tTimeout: no address for \"api.example.com\""),
        "{printed}"
    );
    Ok(())
}

fn two_runtimes_share_nothing() -> Result<(), Failed> {
    let peer = Peer::echo()?;
    let url = format!("http://127.0.0.1:{}/", port(&peer));
    let source = format!(
        "shared = (shared or 0) + 1
        local ok, response = net.request({url:?})
        print(shared, ok, if ok then response.statusCode else response:match('^%a+'))"
    );
    let script = Script::new("main.luau", source);
    let (granted, granted_lines) = runtime(allow(&["127.0.0.1"])?, Table::default(), Limits::default())?;
    let (denied, denied_lines) = runtime(Permissions::none(), Table::default(), Limits::default())?;
    block_on(async {
        let (one, other, again) =
            tokio::join!(granted.run(&script), denied.run(&script), granted.run(&script));
        one.and(other).and(again)
    })??;
    assert_eq!(granted_lines.text(), "1\ttrue\t200\n1\ttrue\t200\n");
    assert_eq!(denied_lines.text(), "1\tfalse\tPermissionDenied\n");
    Ok(())
}

fn a_run_can_be_stopped() -> Result<(), Failed> {
    let (runtime, lines) = runtime(Permissions::none(), Table::default(), Limits::default())?;
    let script = Script::new("main.luau", "print('started') task.wait(math.huge)");
    let stop = Stop::new();
    let ended = block_on(async {
        let stopping = async {
            while lines.text().is_empty() {
                tokio::task::yield_now().await;
            }
            stop.stop();
        };
        tokio::time::timeout(Duration::from_secs(30), async {
            tokio::join!(runtime.run_until(&script, &stop), stopping).0
        })
        .await
    })??;
    assert!(matches!(ended, Err(RunError::Stopped)), "{ended:?}");
    Ok(())
}

fn a_script_ends_itself() -> Result<(), Failed> {
    let (runtime, lines) = runtime(Permissions::none(), Table::default(), Limits::default())?;
    for (code, expected) in [(0, None), (1, Some(1)), (255, Some(255))] {
        let source = format!("task.defer(print, 'after') print({code}) process.exit({code})");
        let ended = block_on(runtime.run(&Script::new("main.luau", source)))?;
        let found = match &ended {
            Ok(()) => None,
            Err(RunError::Exited(code)) => Some(code.get()),
            Err(_) => return Err(format!("{ended:?}").into()),
        };
        assert_eq!(found, expected);
    }
    assert_eq!(lines.text(), "0\n1\n255\n");
    Ok(())
}

/// Computes for so many milliseconds in one go.
const BUSY: &str = "local function busy(milliseconds)
    local began = os.clock()
    while os.clock() - began < milliseconds / 1000 do end
end
";

fn a_heavy_script_that_waits_gives_up_its_turn() -> Result<(), Failed> {
    let (runtime, lines) = runtime(Permissions::none(), Silent, Limits::default())?;
    let script = |name: &str, rest: &str| Script::new(name, format!("{BUSY}{rest}"));
    let first = script(
        "first",
        "busy(100) print('first waits') task.wait(1) print('first ends')",
    );
    let second = script("second", "task.wait(0.05) busy(100) print('second ends')");
    let (one, two) = block_on(async { tokio::join!(runtime.run(&first), runtime.run(&second)) })?;
    one?;
    two?;
    assert_eq!(lines.text(), "first waits\nsecond ends\nfirst ends\n");
    Ok(())
}
