//! Modules by the thousand, deep inside of each other, endless or too long: errors of the script, and no more.

use std::fs;
use std::path::PathBuf;

use libtest_mimic::{Failed, Trial};

use super::{expect, output, project, run, trying};
use crate::harness::trials;

/// The tests of this file.
pub(super) fn trials() -> Vec<Trial> {
    trials![
        modules_that_load_deep_inside_of_each_other,
        a_flood_of_missing_modules,
        a_flood_of_modules,
        a_module_that_is_too_long,
        a_module_that_nests_deep,
        a_module_that_spins,
        a_module_that_fills_the_memory
    ]
}

fn modules_that_load_deep_inside_of_each_other() -> Result<(), Failed> {
    let main = "print(require('./60'))
        local problem = select(2, pcall(require, './1000'))
        print(problem)
        -- A failure is final, and others are not touched by it.
        print(select(2, pcall(require, './1000')) == problem, require('./59'))";
    let chain = |wait: &str| -> Result<PathBuf, Failed> {
        let folder = project("deep", &[(".luaurc", "{}"), ("main.luau", main)])?;
        fs::write(folder.join("0.luau"), "return 0")?;
        for number in 1..=1000 {
            let text = format!("{wait}return require('./{}') + 1", number - 1);
            fs::write(folder.join(format!("{number}.luau")), text)?;
        }
        Ok(folder)
    };
    let finished = run(&chain("")?, &["main.luau", "--limit", "modules=2000"])?;
    finished.expect_code(0)?;
    let out = finished.out();
    let lines: Vec<&str> = out.lines().collect();
    assert_eq!(lines[0], "60");
    assert_eq!(
        lines[1],
        "937.luau:1: require: 936.luau would load inside of 64 modules that load, and no more can: require some of them \
         later, where they are used"
    );
    assert_eq!(lines[2], "  required from 938.luau:1");
    assert_eq!(lines[lines.len() - 2], "  …");
    assert_eq!(lines[lines.len() - 1], "true\t59");
    assert!(lines.len() < 20, "{out}");

    // Modules that wait do not load inside of each other.
    let finished = run(&chain("task.wait() ")?, &["main.luau", "--limit", "modules=2000"])?;
    finished.expect_code(0)?;
    expect(&finished.out(), &["60", "1000", "true\t59"])
}

fn a_flood_of_missing_modules() -> Result<(), Failed> {
    let main = "for i = 1, 20000 do
            if pcall(require, './none' .. i) then error('found') end
            if i % 2000 == 0 then task.wait() end
        end
        print(gcinfo() < 20000)";
    let folder = project("missing", &[(".luaurc", "{}"), ("main.luau", main)])?;
    expect(&output(&folder)?, &["true"])
}

fn a_flood_of_modules() -> Result<(), Failed> {
    let main = "local count, problem = 0, nil
        while not problem do
            local ok, found = pcall(require, './' .. count)
            if ok then count += 1 else problem = found end
        end
        print(count, problem)";
    let folder = project("many", &[(".luaurc", "{}"), ("main.luau", main)])?;
    for number in 0..1001 {
        fs::write(folder.join(format!("{number}.luau")), "return 1")?;
    }
    expect(
        &output(&folder)?,
        &[
            "1000\trequire: 1000.luau is one file too many (limit modules=1000; raise it with --limit modules=N)",
            "  required from main.luau:3",
        ],
    )
}

fn a_module_that_is_too_long() -> Result<(), Failed> {
    let folder = project("long", &[(".luaurc", "{}"), ("main.luau", &trying(&["./x"]))])?;
    // Without content on the disk, and of a size that no memory has.
    let file = fs::File::create(folder.join("x.luau"))?;
    file.set_len(1 << 40)?;
    expect(
        &output(&folder)?,
        &[
            "require: x.luau has more than 1m bytes (limit module-bytes=1m; raise it with --limit module-bytes=SIZE)",
            "  required from main.luau:1",
        ],
    )
}

/// On top of the deepest stack that modules make.
fn a_module_that_nests_deep() -> Result<(), Failed> {
    let folder = project(
        "nests",
        &[
            (".luaurc", "{}"),
            ("main.luau", "print(select(2, pcall(require, './62')))"),
        ],
    )?;
    let depth = 100_000;
    for (open, close) in [("(", ")"), ("{", "}"), ("f(", ")"), ("not ", "")] {
        let text = format!("return {}1{}", open.repeat(depth), close.repeat(depth));
        fs::write(folder.join("0.luau"), text)?;
        for number in 1..=62 {
            fs::write(
                folder.join(format!("{number}.luau")),
                format!("return require('./{}')", number - 1),
            )?;
        }
        let out = output(&folder)?;
        if !out.starts_with("0.luau:1: ") {
            return Err(format!("{open}: {out}").into());
        }
    }
    Ok(())
}

fn a_module_that_spins() -> Result<(), Failed> {
    let folder = project(
        "spins",
        &[
            (".luaurc", "{}"),
            ("main.luau", &trying(&["./x", "./x"])),
            ("x.luau", "while true do end"),
        ],
    )?;
    let finished = run(&folder, &["main.luau", "--limit", "run=0.2"])?;
    finished.expect_code(0)?;
    let problem = "x.luau:1: LimitExceeded: the script ran for 0.2 s without waiting (limit run; raise it with --limit \
        run=SECONDS)";
    expect(
        &finished.out(),
        &[
            problem,
            "  required from main.luau:1",
            problem,
            "  required from main.luau:1",
        ],
    )
}

fn a_module_that_fills_the_memory() -> Result<(), Failed> {
    let main = "print((select(2, pcall(require, './x'))))
        print(require('./y'))";
    let folder = project(
        "fills",
        &[
            (".luaurc", "{}"),
            ("main.luau", main),
            (
                "x.luau",
                "local all = {} while true do table.insert(all, string.rep('x', 100000) .. #all) end",
            ),
            ("y.luau", "return 'there is room again'"),
        ],
    )?;
    let finished = run(&folder, &["main.luau", "--limit", "memory=32m"])?;
    finished.expect_code(0)?;
    expect(
        &finished.out(),
        &[
            "not enough memory (limit memory; raise it with --limit memory=SIZE)",
            "  required from main.luau:1",
            "there is room again",
        ],
    )
}
