//! Compares a text with an expectation: line by line, where `*` stands for any characters of a line
//! and a line `...` for any number of lines. Called by the cases and the dialogues.

/// Explains the first difference, or says that there is none.
pub(crate) fn compare(what: &str, expected: &str, actual: &str) -> Result<(), String> {
    let wanted: Vec<&str> = expected.lines().collect();
    let found: Vec<&str> = actual.lines().collect();
    if lines(&wanted, &found) {
        return Ok(());
    }
    Err(format!(
        "{what} differs\n--- expected ---\n{expected}\n--- actual ---\n{actual}\n---"
    ))
}

fn lines(wanted: &[&str], found: &[&str]) -> bool {
    match wanted.split_first() {
        None => found.is_empty(),
        Some((&"...", rest)) => (0..=found.len()).any(|skipped| lines(rest, &found[skipped..])),
        Some((pattern, rest)) => found
            .split_first()
            .is_some_and(|(line, others)| glob(pattern, line) && lines(rest, others)),
    }
}

/// Whether the line is what the pattern says; `*` stands for any characters.
pub(crate) fn glob(pattern: &str, line: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = line.strip_prefix(first) else {
        return false;
    };
    let mut parts: Vec<&str> = parts.collect();
    let Some(last) = parts.pop() else {
        return rest.is_empty();
    };
    for part in parts {
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
    }
    rest.ends_with(last)
}
