//! What `atoll init` and `atoll types` write, and what they leave alone; completions and manual pages.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use libtest_mimic::{Failed, Trial};

use crate::harness::child::{Atoll, Finished, scratch};
use crate::harness::http::get;
use crate::harness::trials;

/// The tests of this file.
pub(crate) fn trials() -> Vec<Trial> {
    trials![
        init_makes_a_project_that_runs,
        init_takes_the_folder_it_stands_in,
        init_overwrites_nothing,
        init_adds_to_settings_that_are_there,
        types_twice_change_nothing,
        types_keep_what_was_edited,
        types_update_what_was_not_edited,
        types_say_what_they_can_not_add,
        types_follow_no_link_out,
        types_need_a_folder,
        modules_for_editors_are_those_of_scripts,
        completions_are_what_the_shell_takes,
        every_command_has_a_manual_page,
    ]
}

/// An empty folder of the test's own.
fn folder(name: &str) -> Result<PathBuf, Failed> {
    let folder = scratch().join("projects").join(name);
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    fs::create_dir_all(&folder)?;
    Ok(folder)
}

fn atoll(folder: &Path, words: &[&str]) -> Result<Finished, Failed> {
    Atoll::new(folder, words).finish()
}

/// Every file under the folder with its content, by its path.
fn snapshot(folder: &Path) -> Result<Vec<(PathBuf, Vec<u8>)>, Failed> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else {
                found.push((path.clone(), fs::read(path)?));
            }
        }
    }
    found.sort();
    Ok(found)
}

fn init_makes_a_project_that_runs() -> Result<(), Failed> {
    let parent = folder("init")?;
    let finished = atoll(&parent, &["init", "new/hello"])?;
    finished.expect_code(0)?;
    assert_eq!(
        finished.out(),
        "wrote      main.luau\nwrote      atoll.toml\nwrote      .atoll/atoll.d.luau\n\
         wrote      .atoll/base64.luau\nwrote      .atoll/crypto.luau\nwrote      .atoll/json.luau\n\
         wrote      .atoll/net.luau\nwrote      .atoll/process.luau\nwrote      .atoll/task.luau\n\
         wrote      .luaurc\nwrote      .vscode/settings.json\n\n\
         Next:\n  cd new/hello\n  atoll run main.luau --config atoll.toml\n  curl http://127.0.0.1:8080/\n\n\
         VS Code completes and checks scripts with its extension \"Luau Language Server\".\n"
    );
    let project = parent.join("new/hello");
    let words = ["run", "main.luau", "--config", "atoll.toml", "--", "0"];
    let running = Atoll::new(&project, words).start()?;
    let address = running.address()?;
    let response = get(address, "/")?;
    assert_eq!(
        (response.status(), response.text().as_str()),
        (200, "Hello from Atoll\n")
    );
    let response = get(address, "/elsewhere")?;
    assert_eq!(
        (response.status(), response.text().as_str()),
        (404, "nothing is at /elsewhere\n")
    );
    running.signal("INT")?;
    running.finish()?.expect_code(130)?;
    // And it gets no more than its file says.
    let refused = atoll(&project, &["run", "main.luau", "--", "0"])?;
    refused.expect_code(1)?;
    assert!(refused.err().contains("PermissionDenied"), "{}", refused.err());
    Ok(())
}

fn init_takes_the_folder_it_stands_in() -> Result<(), Failed> {
    let folder = folder("init_here")?;
    fs::write(folder.join("notes.txt"), "mine")?;
    let finished = atoll(&folder, &["init"])?;
    finished.expect_code(0)?;
    assert!(
        finished.out().contains("\nNext:\n  atoll run"),
        "{}",
        finished.out()
    );
    assert_eq!(fs::read_to_string(folder.join("notes.txt"))?, "mine");
    Ok(())
}

fn init_overwrites_nothing() -> Result<(), Failed> {
    for name in ["main.luau", "atoll.toml"] {
        let folder = folder(&format!("init_over_{name}"))?;
        fs::write(folder.join(name), "mine")?;
        let before = snapshot(&folder)?;
        let finished = atoll(&folder, &["init"])?;
        finished.expect_code(1)?;
        assert_eq!(
            finished.err(),
            format!(
                "error: ./{name} is there already, and `atoll init` overwrites nothing; choose another folder, or run \
                 `atoll types` for the types alone\n"
            )
        );
        assert_eq!(snapshot(&folder)?, before);
    }
    // A link that leads nowhere is something too.
    let folder = folder("init_over_link")?;
    symlink("../elsewhere.luau", folder.join("main.luau"))?;
    atoll(&folder, &["init"])?.expect_code(1)?;
    assert!(!folder.join("../elsewhere.luau").exists());
    Ok(())
}

fn init_adds_to_settings_that_are_there() -> Result<(), Failed> {
    let folder = folder("init_settings")?;
    fs::write(
        folder.join(".luaurc"),
        "{\n\t\"languageMode\": \"nonstrict\" // mine\n}\n",
    )?;
    let finished = atoll(&folder, &["init"])?;
    finished.expect_code(0)?;
    let kept =
        "kept       .luaurc: \"languageMode\" has another value; Atoll wants \"languageMode\": \"strict\"\n";
    assert!(finished.out().contains(kept), "{}", finished.out());
    let text = fs::read_to_string(folder.join(".luaurc"))?;
    assert!(
        text.contains("\"nonstrict\"") && text.contains("// mine") && text.contains("./.atoll"),
        "{text}"
    );
    Ok(())
}

fn types_twice_change_nothing() -> Result<(), Failed> {
    let folder = folder("types_twice")?;
    let first = atoll(&folder, &["types"])?;
    first.expect_code(0)?;
    assert!(
        first.out().lines().all(|line| line.starts_with("wrote ")),
        "{}",
        first.out()
    );
    let before = snapshot(&folder)?;
    let second = atoll(&folder, &["types", "."])?;
    second.expect_code(0)?;
    assert!(
        second.out().lines().all(|line| line.starts_with("unchanged ")),
        "{}",
        second.out()
    );
    assert_eq!(second.out().lines().count(), before.len());
    assert_eq!(snapshot(&folder)?, before);
    Ok(())
}

fn types_keep_what_was_edited() -> Result<(), Failed> {
    let folder = folder("types_edited")?;
    atoll(&folder, &["types"])?.expect_code(0)?;
    let file = folder.join(".atoll/atoll.d.luau");
    let edited = format!("{}declare mine: number\n", fs::read_to_string(&file)?);
    fs::write(&file, &edited)?;
    let finished = atoll(&folder, &["types"])?;
    finished.expect_code(0)?;
    let kept =
        "kept       .atoll/atoll.d.luau: it was edited; remove it and run this again to have it anew\n";
    assert!(finished.out().contains(kept), "{}", finished.out());
    assert_eq!(fs::read_to_string(&file)?, edited);
    fs::remove_file(&file)?;
    let finished = atoll(&folder, &["types"])?;
    assert!(
        finished.out().contains("wrote      .atoll/atoll.d.luau\n"),
        "{}",
        finished.out()
    );
    Ok(())
}

fn types_update_what_was_not_edited() -> Result<(), Failed> {
    let folder = folder("types_update")?;
    atoll(&folder, &["types"])?.expect_code(0)?;
    let file = folder.join(".atoll/net.luau");
    let text = fs::read_to_string(&file)?;
    let older = text.replacen(env!("CARGO_PKG_VERSION"), "0.0.1", 1);
    assert_ne!(older, text);
    fs::write(&file, older)?;
    let finished = atoll(&folder, &["types"])?;
    finished.expect_code(0)?;
    assert!(
        finished.out().contains("updated    .atoll/net.luau\n"),
        "{}",
        finished.out()
    );
    assert_eq!(fs::read_to_string(&file)?, text);
    Ok(())
}

fn types_say_what_they_can_not_add() -> Result<(), Failed> {
    let folder = folder("types_refused")?;
    fs::create_dir(folder.join(".vscode"))?;
    let settings = folder.join(".vscode/settings.json");
    let text =
        "{\n  // Roblox, too.\n  \"luau-lsp.platform.type\": \"roblox\",\n  \"editor.tabSize\": 4,\n}\n";
    fs::write(&settings, text)?;
    fs::write(folder.join(".luaurc"), "aliases = none")?;
    let finished = atoll(&folder, &["types"])?;
    finished.expect_code(0)?;
    for said in [
        "kept       .vscode/settings.json: \"luau-lsp.platform.type\" has another value; Atoll wants \
         \"luau-lsp.platform.type\": \"standard\"\n",
        "added to   .vscode/settings.json\n",
        "kept       .luaurc: it is not JSON (",
        "; Atoll wants \"aliases\": { \"atoll\": \"./.atoll\" }\n",
    ] {
        assert!(finished.out().contains(said), "{said}\n{}", finished.out());
    }
    assert_eq!(fs::read_to_string(folder.join(".luaurc"))?, "aliases = none");
    let merged = fs::read_to_string(settings)?;
    for kept in [
        "// Roblox, too.",
        "\"roblox\",",
        "\"editor.tabSize\": 4,",
        ".atoll/atoll.d.luau",
    ] {
        assert!(merged.contains(kept), "{merged}");
    }
    Ok(())
}

fn types_follow_no_link_out() -> Result<(), Failed> {
    let parent = folder("types_links")?;
    let outside = parent.join("outside");
    fs::create_dir(&outside)?;
    fs::write(outside.join("settings.json"), "{}")?;
    for (name, link, target) in [
        ("folder", ".atoll", "../outside"),
        ("settings", ".vscode", "../outside"),
        ("file", ".luaurc", "../outside/settings.json"),
        ("nowhere", ".luaurc", "../outside/new"),
    ] {
        let folder = parent.join(name);
        fs::create_dir(&folder)?;
        symlink(target, folder.join(link))?;
        let before = snapshot(&outside)?;
        let finished = atoll(&folder, &["types"])?;
        finished.expect_code(1)?;
        let err = finished.err();
        assert!(err.starts_with("error: cannot ") && err.contains(link), "{err}");
        assert_eq!(snapshot(&outside)?, before);
    }
    Ok(())
}

fn types_need_a_folder() -> Result<(), Failed> {
    let folder = folder("types_nowhere")?;
    let finished = atoll(&folder, &["types", "nowhere"])?;
    finished.expect_code(1)?;
    assert!(
        finished.err().starts_with("error: cannot open nowhere: "),
        "{}",
        finished.err()
    );
    assert!(!folder.join("nowhere").exists());
    Ok(())
}

fn modules_for_editors_are_those_of_scripts() -> Result<(), Failed> {
    let folder = folder("types_modules")?;
    atoll(&folder, &["types"])?.expect_code(0)?;
    let mut modules = Vec::new();
    for entry in fs::read_dir(folder.join(".atoll"))? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if !name.ends_with(".d.luau") {
            modules.push(name.trim_end_matches(".luau").to_owned());
        }
    }
    modules.sort();
    let mut script = String::new();
    for module in &modules {
        let text = fs::read_to_string(folder.join(format!(".atoll/{module}.luau")))?;
        assert!(text.ends_with(&format!("\nreturn {module}\n")), "{text}");
        script.push_str(&format!(
            "assert({module} and require(\"@atoll/{module}\") == {module})\n"
        ));
    }
    script.push_str("require('@atoll/none')");
    fs::write(folder.join("main.luau"), script)?;
    let finished = atoll(&folder, &["run", "main.luau"])?;
    let err = finished.err();
    // Its error names all that there are.
    let named = err
        .lines()
        .next()
        .unwrap_or_default()
        .matches("\"@atoll/")
        .count()
        - 1;
    assert_eq!(named, modules.len(), "{err}");
    Ok(())
}

fn completions_are_what_the_shell_takes() -> Result<(), Failed> {
    let folder = folder("completions")?;
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let finished = atoll(&folder, &["completions", shell])?;
        finished.expect_code(0)?;
        for word in ["completions", "permissions", "allow-net"] {
            assert!(finished.out().contains(word), "{shell} lacks {word}");
        }
        if !["bash", "zsh", "fish"].contains(&shell) {
            continue;
        }
        let script = folder.join(shell);
        fs::write(&script, &finished.stdout)?;
        // Where the shell is there, it has the last word.
        let Ok(output) = Command::new(shell)
            .arg("-n")
            .arg(&script)
            .stdin(Stdio::null())
            .output()
        else {
            continue;
        };
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && said.is_empty(), "{shell}: {said}");
    }
    Ok(())
}

fn every_command_has_a_manual_page() -> Result<(), Failed> {
    let folder = folder("man")?;
    let whole = atoll(&folder, &["man"])?;
    whole.expect_code(0)?;
    let page = whole.out();
    assert!(page.contains(".TH atoll 1"), "{page}");
    let commands: Vec<&str> = page
        .lines()
        .filter_map(|line| line.strip_prefix("atoll\\-")?.strip_suffix("(1)"))
        .collect();
    assert!(commands.contains(&"run") && commands.contains(&"man"), "{page}");
    for command in commands {
        let finished = atoll(&folder, &["man", command])?;
        finished.expect_code(0)?;
        let page = finished.out();
        for part in [&format!(".TH atoll-{command} 1"), "\\fBatoll ", "Example"] {
            assert!(page.contains(part), "{command} lacks {part}: {page}");
        }
        let help = atoll(&folder, &[command, "--help"])?;
        help.expect_code(0)?;
        assert!(
            help.out().contains("\nExample"),
            "{command} has no example: {}",
            help.out()
        );
    }
    Ok(())
}
