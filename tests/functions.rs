//! Functions of the embedder's, as scripts call them: values, waiting, limits, and what goes wrong.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use atoll::{Builder, Limits, Namespace, RunError, Runtime, Script};
use libtest_mimic::{Failed, Trial};
use serde::{Deserialize, Serialize};

use crate::embed::{Lines, block_on};
use crate::harness::child::scratch;
use crate::harness::trials;

/// The tests of this file.
pub(crate) fn trials() -> Vec<Trial> {
    trials![
        values_there_and_back,
        what_cannot_leave_the_script,
        what_a_function_does_not_take,
        failures_are_results,
        calls_wait_side_by_side,
        a_call_that_is_given_up_is_dropped,
        a_script_that_ends_drops_its_calls,
        calls_under_way_are_limited,
        results_that_do_not_fit,
        a_script_has_its_own,
        a_name_that_scripts_need,
        modules_and_lines_find_them,
    ]
}

/// A runtime to be, whose scripts print to the lines.
pub(crate) fn builder() -> (Builder, Lines) {
    let lines = Lines::default();
    let builder = Runtime::builder()
        .console(lines.clone())
        .cache(scratch().join("atoll"));
    (builder, lines)
}

/// What the script prints, with these functions as `host`.
fn printed(functions: Namespace, source: &str) -> Result<String, Failed> {
    let (builder, lines) = builder();
    let runtime = builder.functions(functions).build()?;
    block_on(runtime.run(&Script::new("main.luau", source)))??;
    Ok(lines.text())
}

fn host() -> Namespace {
    Namespace::new("host")
}

/// Gives back what it got.
fn echo() -> Namespace {
    host().function("echo", |value: serde_json::Value| async {
        Ok::<_, String>(value)
    })
}

fn values_there_and_back() -> Result<(), Failed> {
    #[derive(Serialize, Deserialize)]
    struct Parcel {
        to: String,
        weights: Vec<f64>,
        fragile: Option<bool>,
        #[serde(with = "bytes_of")]
        content: Vec<u8>,
    }
    mod bytes_of {
        use serde::{Deserialize, Deserializer, Serializer};

        pub(super) fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
            serializer.serialize_bytes(bytes)
        }

        pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
            Vec::deserialize(deserializer)
        }
    }
    let functions = echo()
        .function("nothing", || async { Ok::<_, String>(()) })
        .function("list", || async { Ok::<_, String>([Some(1), None, Some(3)]) })
        .function("parcel", |parcel: Parcel, more: f64| async move {
            let weights = parcel.weights.iter().map(|weight| weight + more).collect();
            Ok::<_, String>(Parcel { weights, ..parcel })
        });
    let text = printed(
        functions,
        r#"
        for _, value in { 1, -0.5, "text", true, false, 2 ^ 53, "" } do
            local ok, same = host.echo(value)
            assert(ok and same == value, tostring(value))
        end
        print(host.nothing())
        print(host.echo())
        print(host.echo(json.null))
        print(select('#', host.echo(nil)))
        print(host.echo({ 1, { a = { "b" } }, {} }))
        local ok, list = host.list()
        print(#list, list[2] == json.null, list[3])
        local bytes = buffer.fromstring("\0\255")
        local ok, parcel = host.parcel({ to = "ada", weights = { 1, 2.5 }, content = bytes }, 10)
        print(parcel.to, parcel.weights[2], parcel.fragile, buffer.readu8(parcel.content, 1), typeof(parcel.content))
        print(table.isfrozen(host), pcall(function() host.echo = nil end))
        "#,
    )?;
    assert_eq!(
        text,
        "true\tnil\ntrue\tnil\ntrue\tnil\n2\ntrue\t{ 1, { a = { \"b\" } }, {} }\n3\ttrue\t3\n\
         ada\t12.5\tnil\t255\tbuffer\ntrue\tfalse\tmain.luau:16: attempt to modify a readonly table\n"
    );
    Ok(())
}

fn what_cannot_leave_the_script() -> Result<(), Failed> {
    let text = printed(
        echo(),
        r#"
        local function try(...)
            print(select(2, pcall(host.echo, ...)))
        end
        try(print)
        try({ a = { b = { 1, coroutine.create(print) } } })
        try({ 1, 2, x = 3 })
        try({ [1.5] = 1 })
        try({ [true] = 1 })
        try({ ["\255"] = 1 })
        local cycle = {}
        cycle.cycle = cycle
        try(cycle)
        try(table.create(100_000, 1))
        try(string.rep("x", 5 * 1024 * 1024))
        table.sort({ 1, 2 }, function() return (pcall(host.echo, 1)) end)
        print(select(2, pcall(table.sort, { 1, 2 }, function() return host.echo(1) end)))
        "#,
    )?;
    let lines: Vec<&str> = text.lines().collect();
    let expected = [
        "host.echo: argument #1 is a function, which cannot leave the script",
        "host.echo: argument #1: field 'a.b[2]' is a thread, which cannot leave the script",
        "host.echo: argument #1 is an array with holes or other keys: it goes as an array or as a table with strings as keys",
        "host.echo: argument #1 has 1.5 as a key: keys are 1, 2, 3… or strings in UTF-8",
        "host.echo: argument #1 has true as a key: keys are 1, 2, 3… or strings in UTF-8",
    ];
    assert_eq!(lines[..5], expected, "{text}");
    assert!(
        lines[5].ends_with("as a key: keys are 1, 2, 3… or strings in UTF-8"),
        "{text}"
    );
    assert!(
        lines[6].ends_with("is within 64 tables, which is the most (is there a cycle?)"),
        "{text}"
    );
    assert!(
        lines[7].ends_with("is one too many: a call has at most 100000 values"),
        "{text}"
    );
    assert_eq!(lines[8], "host.echo: the arguments have more than 4 MiB");
    assert!(
        lines[9].contains("host.echo cannot wait inside a metamethod"),
        "{text}"
    );
    assert_eq!(lines.len(), 10, "{text}");
    Ok(())
}

fn what_a_function_does_not_take() -> Result<(), Failed> {
    let functions = host().function("add", |a: i32, b: Option<i32>| async move {
        Ok::<_, String>(a + b.unwrap_or_default())
    });
    let text = printed(
        functions,
        "print(host.add(1), host.add(1, 2))
        for _, arguments in { { 'x' }, { 1.5 }, {}, { 1, 2, 3 } } do
            print(pcall(function() return host.add(unpack(arguments)) end))
        end",
    )?;
    assert_eq!(
        text,
        "true\ttrue\t3\n\
         false\tmain.luau:3: host.add: argument #1: invalid type: string \"x\", expected i32\n\
         false\tmain.luau:3: host.add: argument #1: invalid type: floating point `1.5`, expected i32\n\
         false\tmain.luau:3: host.add: argument #1: invalid type: nil, expected i32\n\
         false\tmain.luau:3: host.add: takes 2 arguments, got 3\n"
    );
    Ok(())
}

fn failures_are_results() -> Result<(), Failed> {
    let functions = host()
        .function("fail", || async { Err::<(), _>("NotSold: cars") })
        .function("panic", || async {
            if std::hint::black_box(true) {
                panic!("a test of what a panic of the embedder's does");
            }
            Ok::<_, String>(())
        });
    let text = printed(
        functions,
        "print(host.fail()) print(host.panic()) print('goes on')",
    )?;
    assert_eq!(
        text,
        "false\tNotSold: cars\nfalse\tthe function broke down\ngoes on\n"
    );
    Ok(())
}

fn calls_wait_side_by_side() -> Result<(), Failed> {
    let barrier = Arc::new(tokio::sync::Barrier::new(3));
    let functions = host().function("meet", move |number: u32| {
        let barrier = barrier.clone();
        async move {
            barrier.wait().await;
            Ok::<_, String>(number)
        }
    });
    let source = "for i = 1, 3 do
            task.spawn(function() local ok, number = host.meet(i) print(ok, number == i) end)
        end
        print('all wait')";
    let text = printed(functions, source)?;
    assert_eq!(text, "all wait\ntrue\ttrue\ntrue\ttrue\ntrue\ttrue\n");
    Ok(())
}

/// Counts when it is dropped.
struct Dropped(Arc<AtomicUsize>);

impl Drop for Dropped {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

/// `host.forever()`, which never returns, and how often it was given up: that is `host.dropped()` too.
fn forever() -> (Namespace, Arc<AtomicUsize>) {
    let count = Arc::new(AtomicUsize::new(0));
    let (told, counted) = (count.clone(), count.clone());
    let functions = host()
        .function("forever", move || {
            let dropped = Dropped(counted.clone());
            async move {
                std::future::pending::<()>().await;
                drop(dropped);
                Ok::<_, String>(())
            }
        })
        .function("dropped", move || {
            std::future::ready(Ok::<_, String>(told.load(Ordering::SeqCst)))
        });
    (functions, count)
}

fn a_call_that_is_given_up_is_dropped() -> Result<(), Failed> {
    let (functions, _) = forever();
    let source = "local thread = task.spawn(function() host.forever() print('never') end)
        task.wait()
        print(host.dropped())
        task.cancel(thread)
        task.wait()
        print(host.dropped())";
    assert_eq!(printed(functions, source)?, "true\t0\ntrue\t1\n");
    Ok(())
}

fn a_script_that_ends_drops_its_calls() -> Result<(), Failed> {
    let (functions, count) = forever();
    let text = printed(
        functions,
        "task.spawn(host.forever) task.wait() print('ends') process.exit()",
    )?;
    assert_eq!(text, "ends\n");
    assert_eq!(count.load(Ordering::SeqCst), 1);
    Ok(())
}

fn calls_under_way_are_limited() -> Result<(), Failed> {
    let (functions, _) = forever();
    let (builder, lines) = builder();
    let limits = Limits {
        functions: 2,
        ..Limits::default()
    };
    let runtime = builder.limits(limits).functions(functions).build()?;
    let source = "local first = task.spawn(host.forever)
        task.spawn(host.forever)
        task.wait()
        print(host.dropped())
        task.cancel(first)
        task.wait()
        print(host.dropped())
        process.exit()";
    block_on(runtime.run(&Script::new("main.luau", source)))??;
    assert_eq!(
        lines.text(),
        "false\tLimitExceeded: too many calls of the host's functions are under way (limit functions=2; \
         raise it with --limit functions=VALUE)\ntrue\t1\n"
    );
    let hits = runtime.metrics().limit_hits;
    assert!(hits.contains(&("functions", 1)), "{hits:?}");
    Ok(())
}

fn results_that_do_not_fit() -> Result<(), Failed> {
    let functions = host()
        .function("large", || async { Ok::<_, String>("x".repeat(5 << 20)) })
        .function("many", || async { Ok::<_, String>(vec![1; 200_000]) })
        .function("exact", || async { Ok::<_, String>(u64::MAX) })
        .function("deep", || async {
            let deep = (0..100).fold(serde_json::Value::Null, |inner, _| serde_json::json!([inner]));
            Ok::<_, String>(deep)
        })
        .function("fits", || async { Ok::<_, String>("x".repeat(4 << 20)) });
    let text = printed(
        functions,
        "for _, name in { 'large', 'many', 'exact', 'deep' } do print(host[name]()) end
        for _ = 1, 100 do assert(#select(2, host.fits()) == 4 * 1024 * 1024) end",
    )?;
    let no = "false\tthe result has no form in Luau: ";
    assert_eq!(
        text,
        format!(
            "{no}more than 4 MiB\n{no}more than 100000 values\n\
             {no}18446744073709551615 is more than a number holds exactly\n{no}more than 64 levels of tables\n"
        )
    );
    Ok(())
}

fn a_script_has_its_own() -> Result<(), Failed> {
    let named = |name: &'static str| host().function("who", move || async move { Ok::<_, String>(name) });
    let (builder, lines) = builder();
    let runtime = builder.functions(named("runtime")).build()?;
    let source = "local ok, who = host.who() print(who, other ~= nil)";
    let plain = Script::new("main.luau", source);
    let own = plain
        .clone()
        .functions(named("script"))
        .functions(Namespace::new("other"));
    block_on(async {
        runtime.run(&own).await?;
        runtime.run(&plain).await
    })??;
    assert_eq!(lines.text(), "script\ttrue\nruntime\tfalse\n");
    Ok(())
}

fn a_name_that_scripts_need() -> Result<(), Failed> {
    for name in ["net", "print", "string", "require"] {
        let (builder, _) = builder();
        let runtime = builder.functions(Namespace::new(name)).build()?;
        let ended = block_on(runtime.run(&Script::new("main.luau", "print('never')")))?;
        let expected = format!(
            "the host registered functions as '{name}', which is the name of something that scripts have already"
        );
        match ended {
            Err(RunError::Script(error)) if error.message.contains(&expected) => {}
            _ => return Err(format!("{ended:?}").into()),
        }
    }
    Ok(())
}

fn modules_and_lines_find_them() -> Result<(), Failed> {
    let (builder, lines) = builder();
    let runtime = builder.functions(echo()).build()?;
    let modules = atoll::Modules::sources([("m.luau", "return select(2, host.echo('module'))")]);
    let script = Script::new("main.luau", "print(require('./m'))").modules(modules);
    block_on(runtime.run(&script))??;
    assert_eq!(lines.text(), "module\n");
    Ok(())
}
