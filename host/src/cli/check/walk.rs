//! Goes through a text: which strings it requires, and which options it gives to calls. Called by `facts`.

use full_moon::ast::{
    self, Call, Expression, Field, FunctionArgs, Index, Prefix, Suffix, TableConstructor, Var,
};
use full_moon::node::Node;
use full_moon::tokenizer::{Position, StringLiteralQuoteType, TokenReference, TokenType};
use full_moon::visitors::Visitor;

use super::api::Api;
use super::facts::{Facts, Found};
use super::names::Names;

/// How alike two names must be for one to be what was meant.
const ALIKE: f64 = 0.75;

/// What was found on the way.
pub(super) struct Walk<'a> {
    api: &'a Api,
    names: &'a Names,
    pub(super) facts: Facts,
}

impl<'a> Walk<'a> {
    pub(super) fn new(api: &'a Api, names: &'a Names) -> Walk<'a> {
        Walk {
            api,
            names,
            facts: Facts::default(),
        }
    }

    /// An expression such as `require("./x")` or `net.serve({ … })`, and what is called and indexed of it.
    fn chain<'b>(&mut self, prefix: &Prefix, mut suffixes: impl Iterator<Item = &'b Suffix>) {
        let Prefix::Name(name) = prefix else { return };
        let name = name.token().to_string();
        let Some(first) = suffixes.next() else { return };
        if name == "require" {
            match (required(prefix, first), self.names.has_own("require")) {
                (Some((text, token)), false) => self.facts.requires.push(found(token, text)),
                (Some((text, token)), true) => self.facts.attempts.push(found(token, text)),
                (None, false) => self.facts.computed.extend(argument(first, 0).map(computed)),
                (None, true) => {}
            }
            return;
        }
        if name == "pcall" && argument(first, 0).is_some_and(is_require) {
            match argument(first, 1) {
                Some(Expression::String(token)) => {
                    let text = literal(token);
                    self.facts.attempts.extend(text.map(|text| found(token, text)));
                }
                Some(wanted) => self.facts.computed.push(computed(wanted)),
                None => {}
            }
            return;
        }
        let (Some(library), Suffix::Index(Index::Dot { name: function, .. })) =
            (self.names.known_library(&name), first)
        else {
            return;
        };
        let Some(Suffix::Call(Call::AnonymousCall(arguments))) = suffixes.next() else {
            return;
        };
        let function = function.token().to_string();
        for (place, record) in self.api.options(library, &function) {
            if let Some(table) = table_at(arguments, place) {
                self.table(record, table, &format!("{library}.{function}"), "");
            }
        }
    }

    /// The names of a table of options.
    fn table(&mut self, record: &str, table: &TableConstructor, call: &str, within: &str) {
        for field in table.fields() {
            let (key, name, value) = match field {
                Field::NameKey { key, value, .. } => (key, key.token().to_string(), value),
                Field::ExpressionKey { key, value, .. } => match &**key {
                    Expression::String(key) => match literal(key) {
                        Some(name) => (key, name, value),
                        None => continue,
                    },
                    _ => continue,
                },
                _ => continue,
            };
            match (self.api.field(record, &name), &**value) {
                (None, _) => {
                    let text = format!(
                        "{call}: there is no field '{name}'{within}{}",
                        self.meant(record, &name)
                    );
                    self.facts.options.push(found(key, text));
                }
                (Some(Some(record)), Expression::TableConstructor(inner)) => {
                    self.table(record, inner, call, &format!(" in '{name}'"));
                }
                _ => {}
            }
        }
    }

    /// The name that was meant, or all that there are.
    fn meant(&self, record: &str, name: &str) -> String {
        let alike =
            |known: &str| strsim::jaro_winkler(&known.to_ascii_lowercase(), &name.to_ascii_lowercase());
        let best = self
            .api
            .names(record)
            .max_by(|one, other| alike(one).total_cmp(&alike(other)));
        match best.filter(|best| alike(best) >= ALIKE) {
            Some(best) => format!(" (did you mean '{best}'?)"),
            None => {
                let all: Vec<String> = self.api.names(record).map(|name| format!("'{name}'")).collect();
                format!("; there are {}", all.join(", "))
            }
        }
    }
}

impl Visitor for Walk<'_> {
    fn visit_function_call(&mut self, node: &ast::FunctionCall) {
        self.chain(node.prefix(), node.suffixes());
    }

    fn visit_var_expression(&mut self, node: &ast::VarExpression) {
        self.chain(node.prefix(), node.suffixes());
    }
}

/// The string that `require "…"` or `require("…")` asks for.
pub(super) fn required<'a>(prefix: &Prefix, first: &'a Suffix) -> Option<(String, &'a TokenReference)> {
    let (Prefix::Name(name), Suffix::Call(Call::AnonymousCall(arguments))) = (prefix, first) else {
        return None;
    };
    if name.token().to_string() != "require" {
        return None;
    }
    let token = match &**arguments {
        FunctionArgs::String(token) => token,
        FunctionArgs::Parentheses { arguments, .. } => match arguments.iter().next()? {
            Expression::String(token) => token,
            _ => return None,
        },
        _ => return None,
    };
    Some((literal(token)?, token))
}

/// What is given to a call at the place, between brackets.
fn argument(call: &Suffix, place: usize) -> Option<&Expression> {
    let Suffix::Call(Call::AnonymousCall(arguments)) = call else {
        return None;
    };
    match &**arguments {
        FunctionArgs::Parentheses { arguments, .. } => arguments.iter().nth(place),
        _ => None,
    }
}

fn is_require(expression: &Expression) -> bool {
    matches!(expression, Expression::Var(Var::Name(name)) if name.token().to_string() == "require")
}

/// A string that is known only when the script runs.
fn computed(wanted: &Expression) -> Found {
    let place = |at: Option<Position>| at.map_or(0, |at| at.bytes());
    Found {
        bytes: place(wanted.start_position())..place(wanted.end_position()),
        text: wanted.to_string().trim().to_owned(),
    }
}

/// The argument at the place, where it is a table that is written there.
fn table_at(arguments: &FunctionArgs, place: usize) -> Option<&TableConstructor> {
    match arguments {
        FunctionArgs::TableConstructor(table) if place == 0 => Some(table),
        FunctionArgs::Parentheses { arguments, .. } => match arguments.iter().nth(place)? {
            Expression::TableConstructor(table) => Some(table),
            _ => None,
        },
        _ => None,
    }
}

/// What a string is; none where it has escape sequences.
fn literal(token: &TokenReference) -> Option<String> {
    let TokenType::StringLiteral {
        literal, quote_type, ..
    } = token.token().token_type()
    else {
        return None;
    };
    let is_plain = *quote_type == StringLiteralQuoteType::Brackets || !literal.contains('\\');
    is_plain.then(|| literal.to_string())
}

fn found(token: &TokenReference, text: String) -> Found {
    let token = token.token();
    Found {
        bytes: token.start_position().bytes()..token.end_position().bytes(),
        text,
    }
}
