//! The names that a text declares or assigns to: what `net` and `require` mean in it. Called by `facts`.

use std::collections::{BTreeMap, BTreeSet};

use full_moon::ast::luau::{ConstAssignment, ConstFunction};
use full_moon::ast::punctuated::Punctuated;
use full_moon::ast::{self, Expression, Parameter, Var};
use full_moon::tokenizer::TokenReference;
use full_moon::visitors::Visitor;

use super::walk::required;

/// The names of a whole text: where they are declared makes no difference, so a name that means several things means none.
#[derive(Debug, Default)]
pub(super) struct Names {
    /// Locals that are a library of Atoll's, and which.
    libraries: BTreeMap<String, String>,
    /// All others.
    others: BTreeSet<String>,
}

impl Names {
    /// Whether the text uses the name for something of its own.
    pub(super) fn has_own(&self, name: &str) -> bool {
        self.others.contains(name) || self.libraries.contains_key(name)
    }

    /// The library that the name means; a global, unless the text says otherwise.
    pub(super) fn known_library<'a>(&'a self, name: &'a str) -> Option<&'a str> {
        if self.others.contains(name) {
            return None;
        }
        Some(self.libraries.get(name).map_or(name, String::as_str))
    }

    fn other(&mut self, name: &TokenReference) {
        self.others.insert(name.token().to_string());
    }

    fn locals(&mut self, names: &Punctuated<TokenReference>, values: &Punctuated<Expression>) {
        let mut values = values.iter();
        for name in names {
            let library = values.next().and_then(library_of);
            let name = name.token().to_string();
            match library {
                Some(library) if self.libraries.get(&name).is_none_or(|known| *known == library) => {
                    self.libraries.insert(name, library);
                }
                _ => {
                    self.others.insert(name);
                }
            }
        }
    }
}

/// The library that `require("@atoll/…")` returns.
fn library_of(value: &Expression) -> Option<String> {
    let Expression::FunctionCall(call) = value else {
        return None;
    };
    let mut suffixes = call.suffixes();
    let (wanted, _) = required(call.prefix(), suffixes.next()?)?;
    let is_all = suffixes.next().is_none();
    let lower = wanted.to_ascii_lowercase();
    lower
        .strip_prefix("@atoll/")
        .filter(|_| is_all)
        .map(str::to_owned)
}

impl Visitor for Names {
    fn visit_local_assignment(&mut self, node: &ast::LocalAssignment) {
        self.locals(node.names(), node.expressions());
    }

    fn visit_const_assignment(&mut self, node: &ConstAssignment) {
        self.locals(node.names(), node.expressions());
    }

    fn visit_local_function(&mut self, node: &ast::LocalFunction) {
        self.other(node.name());
    }

    fn visit_const_function(&mut self, node: &ConstFunction) {
        self.other(node.name());
    }

    fn visit_function_declaration(&mut self, node: &ast::FunctionDeclaration) {
        let mut names = node.name().names().iter();
        if let (Some(name), None) = (names.next(), names.next()) {
            self.other(name);
        }
    }

    fn visit_parameter(&mut self, node: &Parameter) {
        if let Parameter::Name(name) = node {
            self.other(name);
        }
    }

    fn visit_generic_for(&mut self, node: &ast::GenericFor) {
        for name in node.names() {
            self.other(name);
        }
    }

    fn visit_numeric_for(&mut self, node: &ast::NumericFor) {
        self.other(node.index_variable());
    }

    fn visit_assignment(&mut self, node: &ast::Assignment) {
        for var in node.variables() {
            if let Var::Name(name) = var {
                self.other(name);
            }
        }
    }
}
