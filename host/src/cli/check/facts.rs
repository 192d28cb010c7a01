//! What a source text says about other files and about options, and all that is wrong with one that is no Luau. Called by
//! `check`, which has asked Luau itself whether it is.
//!
//! full_moon reads the text. It recurses as deep as the text is nested, on a stack of its own: a text that might need more
//! of it is not looked at. What it takes for an error in a text that is Luau is its mistake, and is not told.

use std::ops::Range;
use std::sync::Arc;
use std::thread;

use full_moon::LuaVersion;
use full_moon::ast::Ast;
use full_moon::tokenizer::{Lexer, LexerResult, Symbol, TokenType};
use full_moon::visitors::Visitor;

use super::api::Api;
use super::names::Names;
use super::walk::Walk;

/// Bytes of stack for full_moon.
const STACK: usize = 256 << 20;

/// How deep a text may be nested: each level takes up to 33 KiB of stack.
const DEEPEST: usize = 6000;

/// Operators for which a level is counted: each takes up to 8 KiB, and a chain of them is as deep as it is long.
const OPERATORS_PER_LEVEL: usize = 4;

/// Something in a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found {
    /// Where.
    pub(super) bytes: Range<usize>,
    /// What it requires, or what is wrong with it.
    pub(super) text: String,
}

/// What a text says.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Facts {
    /// The strings that it requires.
    pub(super) requires: Vec<Found>,
    /// Those that it may require, and goes on without: as in `pcall(require, "./x")`.
    pub(super) attempts: Vec<Found>,
    /// What it requires by strings that are made as it runs.
    pub(super) computed: Vec<Found>,
    /// Names of options that there are not.
    pub(super) options: Vec<Found>,
}

/// The facts of a text that is Luau; none where full_moon does not follow.
pub(super) fn of(text: &[u8], api: &Arc<Api>) -> Option<Facts> {
    let api = api.clone();
    let facts = aside(text, move |text| {
        let parsed = full_moon::parse_fallible(text, LuaVersion::luau());
        parsed.errors().is_empty().then(|| facts(parsed.ast(), &api))
    });
    facts.flatten()
}

/// What is wrong with a text that is not Luau, in the order of the text.
pub(super) fn errors(text: &[u8]) -> Vec<Found> {
    let errors = aside(text, |text| {
        let parsed = full_moon::parse_fallible(text, LuaVersion::luau());
        let errors = parsed.errors().iter().map(|error| {
            let (from, to) = error.range();
            Found {
                bytes: from.bytes()..to.bytes(),
                text: error.error_message().into_owned(),
            }
        });
        without_consequences(errors.collect(), text)
    });
    errors.unwrap_or_default()
}

fn facts(ast: &Ast, api: &Api) -> Facts {
    let mut names = Names::default();
    names.visit_ast(ast);
    let mut walk = Walk::new(api, &names);
    walk.visit_ast(ast);
    walk.facts
}

/// One error a line. "Unexpected …" close behind another error is where full_moon found its way again, and no error.
fn without_consequences(mut errors: Vec<Found>, text: &str) -> Vec<Found> {
    errors.sort_by_key(|error| error.bytes.start);
    let line = |error: &Found| {
        text.as_bytes()[..error.bytes.start.min(text.len())]
            .iter()
            .filter(|byte| **byte == b'\n')
            .count()
    };
    let mut last = None;
    let mut kept = Vec::new();
    for error in errors {
        let line = line(&error);
        let is_consequence = match last {
            Some(last) if line == last => true,
            Some(last) => line == last + 1 && error.text.starts_with("unexpected "),
            None => false,
        };
        last = Some(line);
        if !is_consequence {
            kept.push(error);
        }
    }
    kept
}

/// Looks at a text on a stack that is large enough; none where no stack would be.
fn aside<T: Send + 'static>(text: &[u8], look: impl FnOnce(&str) -> T + Send + 'static) -> Option<T> {
    let text = readable(text);
    let looking = move || is_shallow(&text).then(|| look(&text));
    let thread = thread::Builder::new().stack_size(STACK).spawn(looking).ok()?;
    // A panic of full_moon's is a text that it does not follow.
    thread.join().ok().flatten()
}

/// The text with every byte in its place, as full_moon takes it: what is no UTF-8 (in strings and comments) is replaced, a
/// byte order mark and the beginning of a `#!` line are white space and a comment.
fn readable(text: &[u8]) -> String {
    let mut readable = String::with_capacity(text.len());
    for chunk in text.utf8_chunks() {
        readable.push_str(chunk.valid());
        readable.extend(chunk.invalid().iter().map(|_| '?'));
    }
    if let Some(rest) = readable.strip_prefix('\u{feff}') {
        readable = format!("   {rest}");
    }
    match readable.strip_prefix("#!") {
        Some(rest) => format!("--{rest}"),
        None => readable,
    }
}

/// Whether full_moon's stack is large enough for the text. It counts too much rather than too little: a bracket or block
/// that is closed by the wrong token stays open.
fn is_shallow(text: &str) -> bool {
    let (LexerResult::Ok(tokens) | LexerResult::Recovered(tokens, _)) =
        Lexer::new(text, LuaVersion::luau()).collect()
    else {
        return false;
    };
    let (mut open, mut deepest, mut operators) = (Vec::new(), 0, 0);
    for token in &tokens {
        let symbol = match token.token_type() {
            TokenType::Symbol { symbol } => *symbol,
            TokenType::InterpolatedString { .. } => {
                operators += 1;
                continue;
            }
            _ => continue,
        };
        let closes = match symbol {
            Symbol::LeftParen => Symbol::RightParen,
            Symbol::LeftBracket => Symbol::RightBracket,
            Symbol::LeftBrace => Symbol::RightBrace,
            Symbol::Repeat => Symbol::Until,
            Symbol::Function | Symbol::Do | Symbol::If => Symbol::End,
            Symbol::Not
            | Symbol::Minus
            | Symbol::Hash
            | Symbol::TwoDots
            | Symbol::Caret
            | Symbol::ThinArrow
            | Symbol::LessThan => {
                operators += 1;
                continue;
            }
            closing => {
                if open.last() == Some(&closing) {
                    open.pop();
                }
                continue;
            }
        };
        open.push(closes);
        deepest = deepest.max(open.len());
    }
    deepest + operators / OPERATORS_PER_LEVEL <= DEEPEST
}
