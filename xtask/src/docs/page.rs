//! One page: what a definition file says, as Markdown.
//!
//! Called by `docs`. What scripts call comes first, the types that it takes and gives behind it. Each type, global and field has a
//! heading with an anchor of its own, what stands in the file, links to the types in that, and the comment.

use std::collections::BTreeMap;

use crate::definitions::{Definitions, Field, Item, Kind};

/// The page of the file with this stem. `types` says in which file each type is.
pub(super) fn write(stem: &str, definitions: &Definitions, types: &BTreeMap<&str, &str>) -> String {
    let mut page = Page {
        stem,
        types,
        text: format!(
            "<!-- Made of guest/types/{stem}.d.luau by `cargo xtask docs`. Change that file. -->\n\n# {stem}\n"
        ),
    };
    page.comment(&definitions.comment);
    page.contents(definitions);
    for item in definitions.items.iter().filter(|item| item.kind.is_global()) {
        page.global(item);
    }
    for item in definitions.items.iter().filter(|item| !item.kind.is_global()) {
        page.type_of(item);
    }
    page.text
}

struct Page<'a> {
    stem: &'a str,
    types: &'a BTreeMap<&'a str, &'a str>,
    text: String,
}

impl Page<'_> {
    fn block(&mut self, text: &str) {
        self.text.push('\n');
        self.text.push_str(text.trim_end());
        self.text.push('\n');
    }

    fn heading(&mut self, level: usize, anchor: &str) {
        self.block(&format!("{} <a id=\"{anchor}\"></a>{anchor}", "#".repeat(level)));
    }

    /// What there is on the page, the fields of types aside.
    fn contents(&mut self, definitions: &Definitions) {
        let mut globals = Vec::new();
        let mut types = Vec::new();
        for item in &definitions.items {
            match item.kind {
                Kind::Library => globals.extend(
                    item.fields
                        .iter()
                        .map(|field| format!("{}.{}", item.name, field.name)),
                ),
                Kind::Function | Kind::Value { .. } => globals.push(item.name.clone()),
                _ => types.push(item.name.clone()),
            }
        }
        for (title, anchors) in [("Globals", globals), ("Types", types)] {
            let links: Vec<String> = anchors
                .iter()
                .map(|anchor| format!("[`{anchor}`](#{anchor})"))
                .collect();
            if !links.is_empty() {
                self.block(&format!("{title}: {}", links.join(", ")));
            }
        }
    }

    fn global(&mut self, item: &Item) {
        if item.kind != Kind::Library {
            self.heading(2, &item.name);
            let written = item.written.trim_start_matches("declare ");
            self.signature(written, written);
            self.comment(&item.comment);
            return;
        }
        if !item.comment.is_empty() {
            self.heading(2, &item.name);
            self.comment(&item.comment);
        }
        for field in &item.fields {
            self.heading(2, &format!("{}.{}", item.name, field.name));
            let written = format!("{}.{}", item.name, field.written);
            self.signature(&written, &field.meaning);
            self.comment(&field.comment);
        }
    }

    fn type_of(&mut self, item: &Item) {
        self.heading(2, &item.name);
        match &item.kind {
            Kind::Alias => {
                let written = item.written.trim_start_matches("export ");
                let (_, meaning) = written.split_once(" = ").unwrap_or_default();
                self.signature(written, meaning);
            }
            Kind::Extern { parent: Some(parent) } => {
                let link = self.link(parent);
                self.block(&format!("Has all that {link} has."));
            }
            _ => {}
        }
        self.comment(&item.comment);
        for field in &item.fields {
            self.field(item, field);
        }
    }

    fn field(&mut self, item: &Item, field: &Field) {
        self.heading(3, &format!("{}.{}", item.name, field.name));
        self.signature(&field.written, &field.meaning);
        self.comment(&field.comment);
    }

    /// What stands in the file, and links to the types in it, which a block of code can't have.
    fn signature(&mut self, written: &str, meaning: &str) {
        self.block(&format!("```luau\n{written}\n```"));
        let mut named: Vec<&str> = meaning
            .split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_')
            .filter(|word| self.types.contains_key(word))
            .collect();
        named.sort_unstable();
        named.dedup();
        let links: Vec<String> = named.iter().map(|name| self.link(name)).collect();
        if !links.is_empty() {
            self.block(&format!("Types: {}", links.join(", ")));
        }
    }

    fn link(&self, name: &str) -> String {
        match self.types.get(name) {
            Some(stem) if *stem != self.stem => format!("[`{name}`]({stem}.md#{name})"),
            _ => format!("[`{name}`](#{name})"),
        }
    }

    /// A comment is Markdown already, but for lines that are set apart by four blanks alone: behind a line of text Markdown would
    /// run them into it.
    fn comment(&mut self, lines: &[String]) {
        let mut text = String::new();
        let (mut is_fenced, mut is_apart) = (false, false);
        for line in lines {
            let set_apart = !is_fenced && line.starts_with("    ");
            if set_apart != is_apart {
                text.push_str(if set_apart { "```text\n" } else { "```\n" });
                is_apart = set_apart;
            }
            is_fenced ^= line.trim_start().starts_with("```");
            text.push_str(if set_apart { &line[4..] } else { line });
            text.push('\n');
        }
        if is_apart {
            text.push_str("```\n");
        }
        if !text.is_empty() {
            self.block(&text);
        }
    }
}
