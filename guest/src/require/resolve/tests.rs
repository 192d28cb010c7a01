//! Resolution on projects in memory: what each string means from each file, and what is said where it means nothing.

use std::cell::Cell;
use std::collections::BTreeMap;

use super::{Entry, File, Files, Resolver, Target};

#[path = "tests/aliases.rs"]
mod aliases;

/// Files by their paths; `!` as the content is one that is refused, `>x` a link to x.
#[derive(Default)]
struct Texts {
    files: BTreeMap<&'static str, &'static str>,
    looks: Cell<usize>,
}

impl Files for Texts {
    fn look(&self, paths: &[String]) -> Vec<Entry> {
        self.looks.set(self.looks.get() + 1);
        let entry = |path: &String| match self.files.get(path.as_str()) {
            None => Entry::Nothing(path.clone()),
            Some(&"!") => Entry::Refused(format!("{path} is no file")),
            Some(text) => {
                let path = text.strip_prefix('>').unwrap_or(path);
                Entry::File(File {
                    path: path.to_owned(),
                    name: path.to_owned(),
                })
            }
        };
        paths.iter().map(entry).collect()
    }

    fn read(&self, path: &str) -> Result<Vec<u8>, String> {
        let text = self.files.get(path).ok_or("nothing to read")?;
        Ok(text.as_bytes().to_vec())
    }
}

fn project(files: &[(&'static str, &'static str)]) -> Resolver<Texts> {
    let texts = Texts {
        files: files.iter().copied().collect(),
        looks: Cell::new(0),
    };
    Resolver::new(texts, Some("here".to_owned()))
}

/// The project of most tests.
fn usual() -> Resolver<Texts> {
    project(&[
        ("main.luau", ""),
        ("init.luau", ""),
        ("a.luau", ""),
        ("old.lua", ""),
        ("pkg/init.luau", ""),
        ("pkg/a.luau", ""),
        ("pkg/sub/init.lua", ""),
        ("pkg/sub/deep.luau", ""),
        ("a/b.luau", ""),
        ("two.luau", ""),
        ("two.lua", ""),
        ("both.luau", ""),
        ("both/init.luau", ""),
        ("inits/init.luau", ""),
        ("inits/init.lua", ""),
        ("pipe.luau", "!"),
        ("link.luau", ">pkg/a.luau"),
        ("per%20cent.luau", ""),
        ("init/init.luau", ""),
    ])
}

/// What `wanted` means: a file's path, or `@` and a library's name.
fn meaning(resolver: &mut Resolver<Texts>, from: &str, wanted: &str) -> Result<String, String> {
    resolver.resolve(from, wanted).map(|target| match target {
        Target::Library(name) => format!("@{name}"),
        Target::Module(file) => file.path,
    })
}

#[test]
fn what_strings_mean() {
    let table = [
        ("main.luau", "./a", "a.luau"),
        ("main.luau", "./old", "old.lua"),
        ("main.luau", ".//a", "a.luau"),
        ("main.luau", "./././a/", "a.luau"),
        ("main.luau", ".\\a", "a.luau"),
        ("main.luau", "./pkg", "pkg/init.luau"),
        ("main.luau", "./pkg/a", "pkg/a.luau"),
        ("main.luau", "./pkg/sub", "pkg/sub/init.lua"),
        ("main.luau", "./pkg/../a", "a.luau"),
        ("main.luau", "./none/../a", "a.luau"),
        ("main.luau", "./a/b", "a/b.luau"),
        ("main.luau", "./per%20cent", "per%20cent.luau"),
        ("main.luau", "./link", "pkg/a.luau"),
        ("main.luau", "./", "init.luau"),
        ("main.luau", "./init", "init/init.luau"),
        // `./` is beside the file.
        ("pkg/a.luau", "./sub/deep", "pkg/sub/deep.luau"),
        ("pkg/a.luau", "../a", "a.luau"),
        ("pkg/a.luau", "./", "pkg/init.luau"),
        ("pkg/sub/deep.luau", "../a", "pkg/a.luau"),
        ("pkg/sub/deep.luau", "../../a", "a.luau"),
        // An init file is its folder's module: `./` is beside the folder, `@self` in it.
        ("pkg/init.luau", "./a", "a.luau"),
        ("pkg/init.luau", "@self/a", "pkg/a.luau"),
        ("pkg/init.luau", "@SELF/sub", "pkg/sub/init.lua"),
        ("pkg/sub/init.lua", "./a", "pkg/a.luau"),
        ("pkg/sub/init.lua", "../a", "a.luau"),
        ("pkg/sub/init.lua", "@self/deep", "pkg/sub/deep.luau"),
        ("init.luau", "@self/a", "a.luau"),
        // Of another file, `@self` is the folder of the same name.
        ("a.luau", "@self/b", "a/b.luau"),
        ("a.luau", "@self", "a.luau"),
        ("a.luau", "@self/../pkg", "pkg/init.luau"),
        ("main.luau", "@atoll/net", "@net"),
        ("main.luau", "@ATOLL/Net", "@net"),
        ("main.luau", "@atoll", "@"),
        ("main.luau", "@atoll/", "@"),
        ("main.luau", "@atoll/a/b", "@a/b"),
    ];
    for (from, wanted, expected) in table {
        let found = meaning(&mut usual(), from, wanted);
        assert_eq!(found.as_deref(), Ok(expected), "{wanted} from {from}");
    }
}

#[test]
fn strings_that_mean_nothing() {
    let table = [
        (
            "main.luau",
            "",
            "\"\" names no module: a path starts with ./, ../ or @",
        ),
        (
            "main.luau",
            "a",
            "\"a\" has no prefix: write \"./a\", or \"@a\" where it starts with an alias",
        ),
        ("main.luau", ".a", "\".a\" has no prefix: write \"./.a\""),
        ("main.luau", ".", "\".\" names no module: write \"./\""),
        ("pkg/a.luau", "..", "\"..\" names no module: write \"../\""),
        ("main.luau", "/a", "\"/a\" is an absolute path"),
        (
            "main.luau",
            "\\\\host\\a",
            "\"\\\\\\\\host\\\\a\" is an absolute path",
        ),
        ("main.luau", "C:/a", "\"C:/a\" is an absolute path"),
        ("main.luau", "~/a", "\"~/a\" is an absolute path"),
        ("main.luau", "./a\0", "\"./a\\0\" has a control character in it"),
        ("main.luau", "@", "\"@\": \"@\" can be no alias"),
        ("main.luau", "@/a", "\"@/a\": \"@\" can be no alias"),
        ("main.luau", "@ä/a", "\"@ä/a\": \"@ä\" can be no alias"),
        (
            "main.luau",
            "@atollx/a",
            "\"@atollx/a\": there is no alias \"atollx\"",
        ),
        (
            "main.luau",
            "@lib/a",
            "\"@lib/a\": there is no alias \"lib\": no .luaurc up to the project's root (its root is here) defines one",
        ),
        (
            "main.luau",
            "../a",
            "\"../a\" leads out of the project (its root is here)",
        ),
        (
            "main.luau",
            "./a/../../a",
            "\"./a/../../a\" leads out of the project",
        ),
        ("pkg/a.luau", "../../a", "\"../../a\" leads out of the project"),
        (
            "init.luau",
            "./a",
            "\"./a\" leads out of the project (its root is here): in the root's init file, write @self/",
        ),
        (
            "main.luau",
            "@self/../..",
            "\"@self/../..\" leads out of the project",
        ),
        (
            "main.luau",
            "./none",
            "there is no module \"./none\"; tried none.luau, none.lua, none/init.luau, none/init.lua",
        ),
        (
            "main.luau",
            "./a.luau",
            "there is no module \"./a.luau\" (a path has no ending: write \"./a\"); tried ",
        ),
        (
            "pkg/a.luau",
            "./init",
            "there is no module \"./init\" (an init file is its folder's module: write \"./\")",
        ),
        (
            "main.luau",
            "./pkg/init.luau",
            "there is no module \"./pkg/init.luau\" (an init file is its folder's",
        ),
        ("main.luau", "./Pkg", "there is no module \"./Pkg\""),
        (
            "pkg/sub/init.lua",
            "@self/init",
            "there is no module \"@self/init\"",
        ),
        (
            "main.luau",
            "./two",
            "\"./two\" is ambiguous: it could be two.luau or two.lua",
        ),
        (
            "main.luau",
            "./both",
            "\"./both\" is ambiguous: it could be both.luau or both/init.luau",
        ),
        (
            "main.luau",
            "./inits",
            "\"./inits\" is ambiguous: it could be inits/init.luau or inits/init.lua",
        ),
        (
            "main.luau",
            "./pipe",
            "\"./pipe\" cannot be required: pipe.luau is no file",
        ),
    ];
    for (from, wanted, expected) in table {
        let problem = meaning(&mut usual(), from, wanted).expect_err(wanted);
        assert!(problem.starts_with(expected), "{wanted} from {from}: {problem}");
    }
    let long = format!("./{}", "x".repeat(1023));
    let problem = meaning(&mut usual(), "main.luau", &long).expect_err("too long");
    assert!(problem.ends_with("is too long: at most 1024 bytes"), "{problem}");
    let deep = format!("./{}", "x/".repeat(100));
    let problem = meaning(&mut usual(), "main.luau", &deep).expect_err("too deep");
    assert!(
        problem.ends_with("leads through more than 64 folders"),
        "{problem}"
    );
}
