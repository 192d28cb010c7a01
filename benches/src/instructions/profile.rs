//! What callgrind writes, read: instructions by whose code they are.

use std::collections::{BTreeMap, HashMap};

/// Whose code it is, in the order in which it is printed.
pub(super) const OWNERS: [&str; 6] = ["guest", "atoll", "wasmtime", "hyper/tokio", "program", "system"];

/// Names in a symbol that tell whose it is, the first that is found; and the owner's place in [`OWNERS`].
const SYMBOLS: &[(&str, usize)] = &[
    ("wasmtime", 2),
    ("cranelift", 2),
    ("pulley", 2),
    ("hyper", 3),
    ("tokio", 3),
    ("httparse", 3),
    ("mio::", 3),
    ("tungstenite", 3),
    ("atoll", 1),
];

/// Instructions by owner.
#[derive(Clone, Copy, Default)]
pub(super) struct Profile(pub(super) [u64; OWNERS.len()]);

impl Profile {
    /// All together.
    pub(super) fn total(&self) -> u64 {
        self.0.iter().sum()
    }

    /// What this has more than `other`, for each of `operations`.
    pub(super) fn beyond(&self, other: &Profile, operations: u64) -> [f64; OWNERS.len()] {
        let mut each = [0.0; OWNERS.len()];
        for (each, (more, less)) in each.iter_mut().zip(self.0.iter().zip(other.0)) {
            *each = (*more as f64 - less as f64) / operations as f64;
        }
        each
    }
}

/// Reads the file's text; `program` is the end of the path of what was run. Code that lies in no file is what wasmtime compiled.
pub(super) fn read(text: &str, program: &str) -> Profile {
    let mut profile = Profile::default();
    let (mut objects, mut functions) = (HashMap::new(), HashMap::new());
    let (mut object, mut function) = (String::new(), String::new());
    let mut owners: BTreeMap<(String, String), usize> = BTreeMap::new();
    let (mut owner, mut called) = (None, false);
    for line in text.lines() {
        if let Some(name) = line.strip_prefix("ob=") {
            object = named(name, &mut objects);
            owner = None;
        } else if let Some(name) = line.strip_prefix("fn=") {
            function = named(name, &mut functions);
            owner = None;
        } else if let Some(name) = line.strip_prefix("cob=") {
            named(name, &mut objects);
        } else if let Some(name) = line.strip_prefix("cfn=") {
            named(name, &mut functions);
        } else if line.starts_with("calls=") {
            // The next line is what the called function took, which is counted there.
            called = true;
        } else if line.starts_with(|first: char| first.is_ascii_digit() || "+-*".contains(first)) {
            if std::mem::take(&mut called) {
                continue;
            }
            let Some(cost) = line.split(' ').nth(1).and_then(|cost| cost.parse::<u64>().ok()) else {
                continue;
            };
            let owner = *owner.get_or_insert_with(|| {
                *owners
                    .entry((object.clone(), function.clone()))
                    .or_insert_with(|| owner_of(&object, &function, program))
            });
            if let Some(sum) = profile.0.get_mut(owner) {
                *sum += cost;
            }
        }
    }
    profile
}

/// `(3) name` the first time, `(3)` afterwards.
fn named(text: &str, known: &mut HashMap<String, String>) -> String {
    match text.split_once(' ') {
        Some((number, name)) => {
            known.insert(number.to_owned(), name.to_owned());
            name.to_owned()
        }
        None => known.get(text).cloned().unwrap_or_default(),
    }
}

fn owner_of(object: &str, function: &str, program: &str) -> usize {
    if object == "???" {
        return 0;
    }
    if !object.ends_with(program) {
        return 5;
    }
    let found = SYMBOLS.iter().find(|(part, _)| function.contains(part));
    found.map_or(4, |(_, owner)| *owner)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "events: Ir\nob=(1) /x/atoll\nfl=(1) ???\nfn=(1) hyper::read\n0 5\ncob=(2) ???\ncfn=(2) 0x1\ncalls=1 0 \n0 900\n\
        fn=(3) wasmtime::call\n0 7\n+1 1\n\nob=(2)\nfn=(2)\n0 40\n\nob=(3) /lib/libc.so.6\nfn=(4) malloc\n0 3\n\nob=(1)\nfn=(5) 0x77\n0 2\n";

    #[test]
    fn instructions_are_told_apart_by_whose_they_are() {
        let profile = read(TEXT, "/atoll");
        assert_eq!(profile.0, [40, 0, 8, 5, 2, 3]);
        assert_eq!(profile.total(), 58);
        let half = Profile([20, 0, 0, 5, 0, 3]);
        assert_eq!(profile.beyond(&half, 2), [10.0, 0.0, 4.0, 0.0, 1.0, 0.0]);
    }
}
