//! What aliases mean, from which file, and what is said of those that mean nothing.

use super::super::Resolver;
use super::{Texts, meaning, project};

/// Folders with a `.luaurc` each.
fn aliased() -> Resolver<Texts> {
    project(&[
        (
            ".luaurc",
            r#"{ "aliases": {
                "lib": "./lib", "One": "./lib/one", "here": ".", "outside": "../x", "far": "/etc", "home": "~/x",
                "bare": "lib", "chain": "@lib/one", "longer": "@chain/../two", "up": "@inner/one", "gone": "@missing/x",
                "first": "@second", "second": "@third/x", "third": "@FIRST", "self": "./lib", "atoll": "./lib",
                "toself": "@self/one", "toatoll": "@atoll/net", "back": ".\\lib", "none": "./none"
            } }"#,
        ),
        ("main.luau", ""),
        ("lib/one.luau", ""),
        ("lib/two.luau", ""),
        (
            "app/.luaurc",
            r#"{ "aliases": { "lib": "./own", "inner": "@lib", "outer": "@one" } }"#,
        ),
        ("app/main.luau", ""),
        ("app/own/one.luau", ""),
        ("app/deep/er/main.luau", ""),
        ("app/init.luau", ""),
        ("bad/.luaurc", "{ aliases: 1 }"),
        ("bad/main.luau", ""),
        ("closed/.luaurc", "!"),
        ("closed/main.luau", ""),
        ("empty/.luaurc", "{}"),
        ("empty/main.luau", ""),
    ])
}

#[test]
fn what_aliases_mean() {
    let table = [
        ("main.luau", "@lib/one", "lib/one.luau"),
        ("main.luau", "@LIB/one", "lib/one.luau"),
        ("main.luau", "@one", "lib/one.luau"),
        ("main.luau", "@ONE/", "lib/one.luau"),
        ("main.luau", "@here/lib/one", "lib/one.luau"),
        ("main.luau", "@back/one", "lib/one.luau"),
        ("main.luau", "@lib/../main", "main.luau"),
        // Aliases of aliases.
        ("main.luau", "@chain", "lib/one.luau"),
        ("main.luau", "@longer", "lib/two.luau"),
        // The nearest wins, and the others are inherited.
        ("app/main.luau", "@lib/one", "app/own/one.luau"),
        ("app/deep/er/main.luau", "@lib/one", "app/own/one.luau"),
        ("app/main.luau", "@one", "lib/one.luau"),
        ("app/init.luau", "@lib/one", "app/own/one.luau"),
        ("empty/main.luau", "@lib/one", "lib/one.luau"),
        // An alias is read where it is written: the root's `chain` knows the root's `lib` only.
        ("app/main.luau", "@chain", "lib/one.luau"),
        ("app/main.luau", "@inner/one", "app/own/one.luau"),
        ("app/main.luau", "@outer", "lib/one.luau"),
        // Nobody redefines these two.
        ("main.luau", "@self/../lib/two", "lib/two.luau"),
        ("main.luau", "@atoll/net", "@net"),
    ];
    for (from, wanted, expected) in table {
        let found = meaning(&mut aliased(), from, wanted);
        assert_eq!(found.as_deref(), Ok(expected), "{wanted} from {from}");
    }
}

#[test]
fn aliases_that_mean_nothing() {
    let table = [
        (
            "main.luau",
            "@nope/x",
            "\"@nope/x\": there is no alias \"nope\" in .luaurc (there are @atoll, ",
        ),
        (
            "app/main.luau",
            "@nope",
            "\"@nope\": there is no alias \"nope\" in app/.luaurc, .luaurc (there are ",
        ),
        (
            "main.luau",
            "@outside/x",
            "\"@outside/x\" leads out of the project (its root is here)",
        ),
        (
            "main.luau",
            "@far/passwd",
            "\"@far/passwd\": the alias \"far\" = \"/etc\" of .luaurc leads out of the project (its root is here)",
        ),
        (
            "main.luau",
            "@home",
            "\"@home\": the alias \"home\" = \"~/x\" of .luaurc leads out of the project",
        ),
        (
            "main.luau",
            "@bare/one",
            "\"@bare/one\": the alias \"bare\" = \"lib\" of .luaurc has to start with ./, ../ or @: write \"./lib\"",
        ),
        (
            "main.luau",
            "@lib/../../x",
            "\"@lib/../../x\" leads out of the project",
        ),
        (
            "main.luau",
            "@first/y",
            "\"@first/y\": the aliases are cyclic: @first → @second → @third → @first",
        ),
        (
            "app/main.luau",
            "@up",
            "\"@up\": there is no alias \"inner\" (which \"@up\" leads to) in .luaurc",
        ),
        (
            "main.luau",
            "@gone",
            "\"@gone\": there is no alias \"missing\" (which \"@gone\" leads to)",
        ),
        (
            "main.luau",
            "@toself",
            "\"@toself\": an alias cannot lead to \"@self\"",
        ),
        (
            "main.luau",
            "@toatoll",
            "\"@toatoll\": an alias cannot lead to \"@atoll\"",
        ),
        (
            "main.luau",
            "@none/x",
            "there is no module \"@none/x\"; tried none/x.luau, ",
        ),
        ("bad/main.luau", "@lib/one", "\"@lib/one\": bad/.luaurc:1:3: "),
        (
            "closed/main.luau",
            "@lib/one",
            "\"@lib/one\": closed/.luaurc is no file",
        ),
    ];
    for (from, wanted, expected) in table {
        let problem = meaning(&mut aliased(), from, wanted).expect_err(wanted);
        assert!(problem.starts_with(expected), "{wanted} from {from}: {problem}");
    }
}

#[test]
fn what_was_found_is_not_looked_for_again() {
    let mut resolver = aliased();
    for wanted in ["@lib/one", "@lib/one", "./lib/one", "@lib/./one", "@chain"] {
        assert_eq!(
            meaning(&mut resolver, "main.luau", wanted).as_deref(),
            Ok("lib/one.luau")
        );
    }
    // The root's `.luaurc`, and the module.
    assert_eq!(resolver.files().looks.get(), 2);
}
