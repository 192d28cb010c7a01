//! Where modules are: names from the project's root down. Pure.
//!
//! A module's path has no ending: `lib/x` is the module in `lib/x.luau`, `lib/x.lua`, `lib/x/init.luau` or `lib/x/init.lua`
//! (Luau RFC "Abstract module paths and init.luau").

use std::fmt;

/// Bytes of the string that a script may require, and of what an alias stands for.
pub(super) const LONGEST: usize = 1024;

/// The endings of Luau sources.
const ENDINGS: [&str; 2] = [".luau", ".lua"];

/// The name of the file that is its folder's own module, without the ending.
pub(super) const INIT: &str = "init";

/// A module's path or a folder's, from the project's root. Empty: the root itself.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct ModulePath(Vec<String>);

impl ModulePath {
    /// The module that is in this file.
    pub(super) fn of_file(file: &str) -> ModulePath {
        let mut names: Vec<String> = file.split('/').map(str::to_owned).collect();
        if let Some(last) = names.pop() {
            let stem = ENDINGS.iter().find_map(|ending| last.strip_suffix(ending));
            match stem {
                Some(INIT) => {}
                Some(stem) => names.push(stem.to_owned()),
                None => names.push(last),
            }
        }
        ModulePath(names)
    }

    /// The folder that this file is in.
    pub(super) fn folder_of(file: &str) -> ModulePath {
        let mut names: Vec<String> = file.split('/').map(str::to_owned).collect();
        names.pop();
        ModulePath(names)
    }

    /// One up; none from the root.
    pub(super) fn parent(&self) -> Option<ModulePath> {
        let (_, rest) = self.0.split_last()?;
        Some(ModulePath(rest.to_vec()))
    }

    /// One down.
    pub(super) fn child(&self, name: &str) -> ModulePath {
        let mut names = self.0.clone();
        names.push(name.to_owned());
        ModulePath(names)
    }

    /// How many names it has.
    pub(super) fn depth(&self) -> usize {
        self.0.len()
    }

    /// The files that this module may be in.
    pub(super) fn candidates(&self) -> Vec<String> {
        let inits = ENDINGS.map(|ending| self.file(&format!("{INIT}{ending}")));
        match self.0.last().map(String::as_str) {
            // `x/init.luau` is the module `x`, and none of its own.
            None | Some(INIT) => inits.into(),
            Some(_) => ENDINGS
                .map(|ending| format!("{self}{ending}"))
                .into_iter()
                .chain(inits)
                .collect(),
        }
    }

    /// A file in this folder.
    pub(super) fn file(&self, name: &str) -> String {
        match self.0.is_empty() {
            true => name.to_owned(),
            false => format!("{self}/{name}"),
        }
    }
}

impl fmt::Display for ModulePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("/"))
    }
}

/// The name without the ending of a Luau source, where it has one.
pub(super) fn without_ending(name: &str) -> Option<&str> {
    ENDINGS.iter().find_map(|ending| name.strip_suffix(ending))
}

#[cfg(test)]
mod tests {
    use super::ModulePath;

    #[test]
    fn modules_of_files() {
        let table = [
            ("main.luau", "main", ""),
            ("a/b.lua", "a/b", "a"),
            ("a/init.luau", "a", "a"),
            ("init.lua", "", ""),
            ("a/b/init.lua", "a/b", "a/b"),
            ("script", "script", ""),
            ("a/b.test.luau", "a/b.test", "a"),
        ];
        for (file, module, folder) in table {
            assert_eq!(ModulePath::of_file(file).to_string(), module, "{file}");
            assert_eq!(ModulePath::folder_of(file).to_string(), folder, "{file}");
        }
    }

    #[test]
    fn files_of_modules() {
        let root = ModulePath::default();
        assert_eq!(root.candidates(), ["init.luau", "init.lua"]);
        assert_eq!(root.parent(), None);
        let module = root.child("a").child("b");
        assert_eq!(
            module.candidates(),
            ["a/b.luau", "a/b.lua", "a/b/init.luau", "a/b/init.lua"]
        );
        assert_eq!(module.parent(), Some(root.child("a")));
        assert_eq!(
            root.child("init").candidates(),
            ["init/init.luau", "init/init.lua"]
        );
    }
}
