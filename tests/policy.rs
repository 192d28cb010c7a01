//! An embedder's own policy and record: what they are asked, that their no counts, and that without their answer nothing
//! happens. And the environment, of which scripts see what was granted.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use atoll::{
    Audit, Builder, Decider, Deciding, Decision, Learning, Limits, Permissions, Question, Runtime, Script,
    Verdict,
};
use libtest_mimic::{Failed, Trial};

use crate::embed::{Lines, block_on};
use crate::harness::child::{Atoll, scratch};
use crate::harness::peer::Peer;
use crate::harness::trials;

/// The tests of this file.
pub(crate) fn trials() -> Vec<Trial> {
    trials![
        a_decider_is_asked_about_name_and_address,
        a_decider_only_narrows,
        a_decider_that_does_not_answer_is_a_no,
        a_decider_may_change_its_mind,
        a_decider_decides_about_servers,
        what_cannot_be_recorded_does_not_happen,
        every_decision_is_recorded,
        learning_collects_what_was_missing,
        the_environment_is_granted_by_name,
    ]
}

/// Decides by a function, and remembers what it was asked.
#[derive(Clone)]
struct Policy {
    asked: Arc<Mutex<Vec<Question>>>,
    answer: fn(&Question) -> Result<(), String>,
}

impl Policy {
    fn new(answer: fn(&Question) -> Result<(), String>) -> Policy {
        Policy {
            asked: Arc::default(),
            answer,
        }
    }

    fn asked(&self) -> Vec<String> {
        let asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        let shown = |question: &Question| {
            let address = question
                .address
                .map_or("-".to_owned(), |address| address.to_string());
            format!("{} {} {address}", question.action, question.target)
        };
        asked.iter().map(shown).collect()
    }
}

impl Decider for Policy {
    fn decide(&self, question: Question) -> Deciding {
        let answer = (self.answer)(&question);
        self.asked
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(question);
        Box::pin(async { answer })
    }
}

/// What the script prints, in a runtime that is built so.
fn printed(builder: Builder, script: &str) -> Result<String, Failed> {
    let lines = Lines::default();
    let runtime: Runtime = builder
        .console(lines.clone())
        .cache(scratch().join("atoll"))
        .build()?;
    block_on(runtime.run(&Script::new("main.luau", script)))??;
    Ok(lines.text())
}

fn everything() -> Builder {
    Runtime::builder().permissions(Permissions::none().allow_all())
}

fn expect(got: &str, wanted: &str) -> Result<(), Failed> {
    Ok(crate::harness::matching::compare("the output", wanted, got)?)
}

fn a_decider_is_asked_about_name_and_address() -> Result<(), Failed> {
    let peer = Peer::echo()?;
    let port = peer.address().port();
    let policy = Policy::new(|_| Ok(()));
    let script = format!("print((net.request('http://127.0.0.1:{port}/')))");
    expect(&printed(everything().decider(policy.clone()), &script)?, "true\n")?;
    let wanted = [
        format!("net.request http://127.0.0.1:{port} -"),
        format!("net.request http://127.0.0.1:{port} 127.0.0.1:{port}"),
    ];
    assert_eq!(policy.asked(), wanted);
    Ok(())
}

fn a_decider_only_narrows() -> Result<(), Failed> {
    // Its no counts, with its reason; what the rules forbid it is not asked about.
    let policy = Policy::new(|question| match question.target.as_str() {
        "http://127.0.0.1:1" => Err("not on a Tuesday".to_owned()),
        _ => Ok(()),
    });
    let script = "
        print(select(2, net.request('http://127.0.0.1:1/')))
        print(select(2, net.websocket('ws://127.0.0.1:1/')))
        print(select(2, net.request('http://169.254.169.254/')))";
    let wanted = "\
PermissionDenied: net.request to http://127.0.0.1:1 is not allowed (not on a Tuesday)
ConnectionRefused
PermissionDenied: net.request to http://169.254.169.254:80 is not allowed (cloud metadata *
";
    expect(&printed(everything().decider(policy.clone()), script)?, wanted)?;
    assert!(!policy.asked().iter().any(|asked| asked.contains("169.254")));
    Ok(())
}

/// Never answers.
struct Silent;

impl Decider for Silent {
    fn decide(&self, _: Question) -> Deciding {
        Box::pin(std::future::pending())
    }
}

fn a_decider_that_does_not_answer_is_a_no() -> Result<(), Failed> {
    let limits = Limits {
        decision: Duration::from_millis(50),
        ..Limits::default()
    };
    let script = "
        print(select(2, net.request('http://127.0.0.1:1/')))
        print(select(2, net.serve({ port = 0, address = '127.0.0.1', request = print })))";
    let wanted = "\
PermissionDenied: net.request to http://127.0.0.1:1 is not allowed (no decision within 50ms (limit decision))
PermissionDenied: net.serve on 127.0.0.1:0 is not allowed (no decision within 50ms (limit decision))
";
    expect(
        &printed(everything().limits(limits).decider(Silent), script)?,
        wanted,
    )
}

/// Says yes until told otherwise.
#[derive(Clone, Default)]
struct Revocable(Arc<AtomicBool>);

impl Decider for Revocable {
    fn decide(&self, question: Question) -> Deciding {
        // The name stays allowed: only the address is taken back, which a kept connection would never ask about again.
        let revoked = self.0.load(Ordering::SeqCst) && question.address.is_some();
        Box::pin(async move {
            if revoked {
                Err("revoked".to_owned())
            } else {
                Ok(())
            }
        })
    }
}

fn a_decider_may_change_its_mind() -> Result<(), Failed> {
    let peer = Peer::echo()?;
    let revocable = Revocable::default();
    let lines = Lines::default();
    let runtime = everything()
        .decider(revocable.clone())
        .console(lines.clone())
        .cache(scratch().join("atoll"))
        .build()?;
    let script = format!(
        "for _ = 1, 2 do
            local ok, result = net.request('http://{}/')
            print(ok, if ok then result.headers['x-connection'] else result)
            print('ask again')
            task.wait(0.2)
        end",
        peer.address()
    );
    let script = Script::new("main.luau", script);
    block_on(async {
        let watch = async {
            while !lines.text().contains("ask again") {
                tokio::task::yield_now().await;
            }
            revocable.0.store(true, Ordering::SeqCst);
        };
        let (ended, ()) = tokio::join!(runtime.run(&script), watch);
        ended
    })??;
    expect(
        &lines.text(),
        &format!(
            "true\t1\nask again\nfalse\tPermissionDenied: net.request to http://{} is not allowed (revoked)\nask again\n",
            peer.address()
        ),
    )
}

fn a_decider_decides_about_servers() -> Result<(), Failed> {
    let policy = Policy::new(|question| match question.address {
        Some(address) if address.ip().is_unspecified() => Err("loopback only".to_owned()),
        _ => Ok(()),
    });
    let script = "
        print(select(2, net.serve({ port = 0, request = print })))
        local ok, server = net.serve({ port = 0, address = '127.0.0.1', request = print })
        print(ok)
        server:close()";
    let wanted = "\
PermissionDenied: net.serve on 0.0.0.0:0 is not allowed (loopback only)
Listening*
true
";
    expect(&printed(everything().decider(policy.clone()), script)?, wanted)?;
    assert_eq!(
        policy.asked(),
        [
            "net.serve 0.0.0.0:0 0.0.0.0:0",
            "net.serve 127.0.0.1:0 127.0.0.1:0"
        ]
    );
    Ok(())
}

/// Keeps decisions, until it is full.
#[derive(Clone)]
struct Record {
    decisions: Arc<Mutex<Vec<Decision>>>,
    room: usize,
}

impl Record {
    fn new(room: usize) -> Record {
        Record {
            decisions: Arc::default(),
            room,
        }
    }
}

impl Audit for Record {
    fn record(&self, decision: &Decision) -> io::Result<()> {
        let mut decisions = self.decisions.lock().unwrap_or_else(PoisonError::into_inner);
        if decisions.len() == self.room {
            return Err(io::Error::other("the disk is full"));
        }
        decisions.push(decision.clone());
        Ok(())
    }
}

fn what_cannot_be_recorded_does_not_happen() -> Result<(), Failed> {
    let peer = Peer::echo()?;
    let script = format!("print(select(2, net.request('http://{}/')))", peer.address());
    let wanted = format!(
        "PermissionDenied: net.request to http://{} is not allowed (the decision can't be recorded: the disk is full)\n",
        peer.address()
    );
    for room in [0, 1] {
        expect(&printed(everything().audit(Record::new(room)), &script)?, &wanted)?;
    }
    assert_eq!(peer.connections(), 0, "nothing was connected to");
    Ok(())
}

fn every_decision_is_recorded() -> Result<(), Failed> {
    let record = Record::new(100);
    let permissions = Permissions::none()
        .allow_net(["127.0.0.0/8:1-9".parse()?])
        .deny_net(["127.0.0.2".parse()?]);
    let script = "
        net.request('http://127.0.0.1:1/')
        net.request('http://127.0.0.2:1/')
        net.request('http://127.0.0.1:10/')";
    printed(
        Runtime::builder().permissions(permissions).audit(record.clone()),
        script,
    )?;
    let decisions = record.decisions.lock().unwrap_or_else(PoisonError::into_inner);
    let shown: Vec<_> = decisions
        .iter()
        .map(|decision| {
            let rule = decision.rule.as_deref().or(decision.reason.as_deref());
            (
                decision.verdict,
                decision.question.target.as_str(),
                rule.unwrap_or_default(),
            )
        })
        .collect();
    let rule = "--allow-net=127.0.0.0/8:1-9";
    assert_eq!(
        shown,
        [
            (Verdict::Allowed, "http://127.0.0.1:1", rule),
            (Verdict::Allowed, "http://127.0.0.1:1", rule),
            (
                Verdict::Denied,
                "http://127.0.0.2:1",
                "denied by --deny-net=127.0.0.2"
            ),
            (Verdict::Denied, "http://127.0.0.1:10", "loopback address"),
        ]
    );
    Ok(())
}

fn learning_collects_what_was_missing() -> Result<(), Failed> {
    let given = Permissions::none()
        .allow_net(["127.0.0.1".parse()?])
        .deny_net(["127.0.0.3".parse()?]);
    let learning = Learning::new(given);
    let record = Record::new(100);
    let script = "
        for _, host in { '127.0.0.1', '127.0.0.2', '127.0.0.2', '127.0.0.3' } do
            print(select(2, net.request(`http://{host}:1/`)))
        end";
    let got = printed(Runtime::builder().learn(&learning).audit(record.clone()), script)?;
    expect(&got, &"ConnectionRefused\n".repeat(4))?;
    assert_eq!(learning.flags(), ["--allow-net=127.0.0.2:1"]);
    let decisions = record.decisions.lock().unwrap_or_else(PoisonError::into_inner);
    let missing = decisions
        .iter()
        .filter(|decision| decision.verdict == Verdict::Missing)
        .count();
    // The new rule once; the denied address at its name and at its address.
    assert_eq!(missing, 3);
    Ok(())
}

fn the_environment_is_granted_by_name() -> Result<(), Failed> {
    let script = "print(process.env.ATOLL_GRANTED, process.env.ATOLL_OTHER, process.env.HOME ~= nil)
        print(pcall(function() process.env.ATOLL_OTHER = 'mine' end))";
    for (flags, wanted) in [
        (&[][..], "nil\tnil\tfalse\nfalse\t*readonly*\n"),
        (
            &["--allow-env=ATOLL_GRANTED,ATOLL_MISSING"][..],
            "yes\tnil\tfalse\nfalse\t*readonly*\n",
        ),
        (&["--allow-env"][..], "yes\tno\ttrue\nfalse\t*readonly*\n"),
        (&["-A"][..], "yes\tno\ttrue\nfalse\t*readonly*\n"),
    ] {
        let finished = Atoll::source("environment", script, flags)?
            .env("ATOLL_GRANTED", "yes")
            .env("ATOLL_OTHER", "no")
            .finish()?;
        finished.expect_code(0)?;
        expect(&finished.out(), wanted)?;
    }
    Ok(())
}
