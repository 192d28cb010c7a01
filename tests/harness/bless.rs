//! Brings the expected output of cases up to date: with `ATOLL_BLESS=1` a case that differs is written anew instead of
//! failing. Read the difference before it is committed.
//!
//! A line of the pattern that still fits stays as it is, with its `*`; a line of the output that no pattern fits is taken as
//! it is, with the addresses that have names called by them.

use super::matching::glob;

/// Whether expectations are to be written.
pub(crate) fn is_wanted() -> bool {
    std::env::var_os("ATOLL_BLESS").is_some_and(|value| value == "1")
}

/// The pattern that fits the output, with as many lines as can be of the one that there was.
pub(crate) fn renewed(pattern: &str, output: &str) -> String {
    let old: Vec<&str> = pattern.lines().filter(|line| *line != "...").collect();
    let new: Vec<&str> = output.lines().collect();
    // The longest common subsequence, where a pattern and a line that fits it are the same.
    let mut kept = vec![vec![0_usize; new.len() + 1]; old.len() + 1];
    for i in (0..old.len()).rev() {
        for j in (0..new.len()).rev() {
            let both = if glob(old[i], new[j]) {
                kept[i + 1][j + 1] + 1
            } else {
                0
            };
            kept[i][j] = both.max(kept[i + 1][j]).max(kept[i][j + 1]);
        }
    }
    let (mut i, mut j) = (0, 0);
    let mut text = String::new();
    while j < new.len() {
        if i < old.len() && glob(old[i], new[j]) && kept[i][j] == kept[i + 1][j + 1] + 1 {
            text.push_str(old[i]);
            (i, j) = (i + 1, j + 1);
        } else if i < old.len() && kept[i + 1][j] == kept[i][j] {
            i += 1;
            continue;
        } else {
            text.push_str(new[j]);
            j += 1;
        }
        text.push('\n');
    }
    text
}
