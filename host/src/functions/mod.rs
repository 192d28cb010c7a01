//! Functions of the embedder's that scripts may call: what is registered, and how a call becomes a future.
//!
//! It knows nothing of wasmtime; `bindings/functions.rs` calls it. A script reaches what was registered and nothing else, so
//! registering is granting.

mod de;
mod handler;
mod ser;
mod value;

use std::fmt;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;

use futures_util::FutureExt;

pub use self::handler::Function;
pub(crate) use self::value::{Bounds, Value, parse};

/// A call under way.
type Calling = Pin<Box<dyn Future<Output = Result<Value, Failure>> + Send>>;

/// A function, its types forgotten.
type Erased = Arc<dyn Fn(Vec<Value>) -> Calling + Send + Sync>;

/// Words that Luau keeps for itself.
const KEYWORDS: [&str; 21] = [
    "and", "break", "do", "else", "elseif", "end", "false", "for", "function", "if", "in", "local", "nil",
    "not", "or", "repeat", "return", "then", "true", "until", "while",
];

/// Functions of the host's that scripts find under one global name: `shop.price("tea")`. A script that has them may call them,
/// whatever else it may do.
///
/// A call waits as `net.request` does: only the script's own coroutine. It returns `true` and the result, or `false` and the
/// error's text; only arguments that the function does not take are thrown, as is a call where nothing can wait.
///
/// Values go both ways as [serde] has them: nil (`None`, `()`), booleans, numbers, strings, buffers (serde's bytes), arrays, and
/// tables with strings as keys (structs, maps). Integers beyond 2⁵³ are refused, as a Luau number does not hold them. `None` in
/// an array is `json.null`, so that the array has no hole. Arguments together, and a result, have at most 4 MiB in 100 000 values
/// at 64 levels.
///
/// ```
/// use atoll::{Namespace, Runtime, Script};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let shop = Namespace::new("shop").function("price", |item: String| async move {
///     match item.as_str() {
///         "tea" => Ok(3.5),
///         other => Err(format!("NotSold: {other}")),
///     }
/// });
/// let runtime = Runtime::builder().functions(shop).build()?;
/// runtime
///     .run(&Script::new(
///         "main.luau",
///         r#"
///         local ok, price = shop.price("tea")
///         assert(ok and price == 3.5)
///         local ok, why = shop.price("cars")
///         assert(not ok and why == "NotSold: cars")
///         "#,
///     ))
///     .await?;
/// # Ok(())
/// # }
/// ```
///
/// [serde]: https://serde.rs
#[derive(Clone)]
pub struct Namespace {
    name: String,
    functions: Vec<(String, Erased)>,
}

/// Why a call has no result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Failure {
    /// It was called with what it does not take.
    Arguments(String),
    /// It failed, in its own words.
    Failed(String),
}

impl Namespace {
    /// One without functions, under this global name.
    ///
    /// # Panics
    ///
    /// The name is no name in Luau.
    pub fn new(name: impl Into<String>) -> Namespace {
        let name = name.into();
        assert!(is_name(&name), "a namespace cannot be called {name:?} in Luau");
        Namespace {
            name,
            functions: Vec::new(),
        }
    }

    /// Adds an async function of up to eight arguments. Its errors are what the script gets as text.
    ///
    /// It is not asked for a second call before the first has returned a future, and runs on the executor of the run. When the
    /// script gives up the call, or is ended, the future is dropped. Where it panics, the call fails.
    ///
    /// # Panics
    ///
    /// The name is no name in Luau, or taken.
    pub fn function<Arguments>(
        mut self,
        name: impl Into<String>,
        function: impl Function<Arguments>,
    ) -> Namespace {
        let name = name.into();
        assert!(is_name(&name), "a function cannot be called {name:?} in Luau");
        assert!(
            self.functions.iter().all(|(other, _)| *other != name),
            "{} has a function {name} already",
            self.name
        );
        let function = move |arguments| function.call(arguments, handler::Token);
        self.functions.push((name, Arc::new(function)));
        self
    }
}

impl fmt::Debug for Namespace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.functions.iter().map(|(name, _)| name).collect();
        f.debug_struct("Namespace")
            .field("name", &self.name)
            .field("functions", &names)
            .finish()
    }
}

/// What one script may call.
#[derive(Clone, Default)]
pub(crate) struct Functions(Arc<[Namespace]>);

impl Functions {
    /// Those of the runtime and those of the script, which count where both have a namespace of one name.
    pub(crate) fn of(runtime: &[Namespace], script: &[Namespace]) -> Functions {
        let mut all: Vec<Namespace> = Vec::new();
        for namespace in runtime.iter().chain(script) {
            all.retain(|other| other.name != namespace.name);
            all.push(namespace.clone());
        }
        Functions(all.into())
    }

    /// The names of the namespaces, and of the functions in each.
    pub(crate) fn names(&self) -> impl Iterator<Item = (String, Vec<String>)> {
        self.0.iter().map(|namespace| {
            let functions = namespace.functions.iter().map(|(name, _)| name.clone());
            (namespace.name.clone(), functions.collect())
        })
    }

    /// The function with this number.
    pub(crate) fn get(&self, number: usize) -> Option<Called> {
        let (name, function) = self
            .0
            .iter()
            .flat_map(|namespace| &namespace.functions)
            .nth(number)?;
        Some(Called {
            name: name.clone(),
            function: function.clone(),
        })
    }
}

/// A function that is about to be called.
pub(crate) struct Called {
    name: String,
    function: Erased,
}

impl Called {
    /// Calls it. What goes wrong in it stays its own.
    ///
    /// Cancel safety: the embedder's future is dropped.
    pub(crate) async fn call(self, arguments: Vec<Value>) -> Result<Value, Failure> {
        // The future is made in here too, as the embedder's code runs there already.
        let calling = AssertUnwindSafe(async { (self.function)(arguments).await });
        match calling.catch_unwind().await {
            Ok(result) => result,
            Err(_) => {
                tracing::error!(target: "atoll::functions", function = self.name, "a function of the host has panicked");
                Err(Failure::Failed("the function broke down".to_owned()))
            }
        }
    }
}

fn is_name(name: &str) -> bool {
    let mut letters = name.chars();
    letters
        .next()
        .is_some_and(|first| first.is_ascii_alphabetic() || first == '_')
        && letters.all(|letter| letter.is_ascii_alphanumeric() || letter == '_')
        && !KEYWORDS.contains(&name)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde::{Deserialize, Serialize};

    use super::*;

    #[derive(Debug, Deserialize, Serialize, PartialEq)]
    struct Order {
        item: String,
        count: u32,
        note: Option<String>,
        state: State,
    }

    #[derive(Debug, Deserialize, Serialize, PartialEq)]
    enum State {
        New,
        Sent { by: String },
        Lost(u8, bool),
    }

    fn text(text: &str) -> Value {
        Value::Text(text.as_bytes().to_vec())
    }

    fn record(members: &[(&str, Value)]) -> Value {
        let members = members
            .iter()
            .map(|(name, value)| ((*name).to_owned(), value.clone()));
        Value::Record(members.collect())
    }

    fn called(namespace: Namespace, arguments: Vec<Value>) -> Result<Value, Failure> {
        let functions = Functions::of(&[], &[namespace]);
        let called = functions.get(0).expect("there is one");
        called.call(arguments).now_or_never().expect("it does not wait")
    }

    fn echo(order: Order) -> std::future::Ready<Result<Order, String>> {
        std::future::ready(Ok(order))
    }

    #[test]
    fn structs_and_enums_there_and_back() {
        let states = [
            text("New"),
            record(&[("Sent", record(&[("by", text("bike"))]))]),
            record(&[(
                "Lost",
                Value::Array(vec![Value::Number(7.0), Value::Boolean(true)]),
            )]),
        ];
        for state in states {
            let order = record(&[
                ("item", text("tea")),
                ("count", Value::Number(3.0)),
                ("state", state),
            ]);
            let result = called(Namespace::new("n").function("echo", echo), vec![order.clone()]);
            assert_eq!(result, Ok(order));
        }
    }

    #[test]
    fn wrong_arguments_are_named() {
        let add = |a: i32, b: Option<u8>| async move { Ok::<_, String>(a + i32::from(b.unwrap_or(1))) };
        let add = |arguments| called(Namespace::new("n").function("add", add), arguments);
        let number = Value::Number;
        assert_eq!(add(vec![number(1.0), number(2.0)]), Ok(number(3.0)));
        assert_eq!(add(vec![number(1.0)]), Ok(number(2.0)));
        let table = [
            (vec![], "argument #1: invalid type: nil, expected i32"),
            (
                vec![number(1.5)],
                "argument #1: invalid type: floating point `1.5`, expected i32",
            ),
            (
                vec![number(1.0), number(256.0)],
                "argument #2: invalid value: integer `256`, expected u8",
            ),
            (
                vec![number(1.0), number(2.0), number(3.0)],
                "takes 2 arguments, got 3",
            ),
            (vec![record(&[])], "argument #1: invalid type: map, expected i32"),
        ];
        for (arguments, message) in table {
            assert_eq!(add(arguments), Err(Failure::Arguments(message.to_owned())));
        }
        let order = record(&[("item", text("tea")), ("count", text("x"))]);
        let result = called(Namespace::new("n").function("echo", echo), vec![order]);
        let message = "argument #1: count: invalid type: string \"x\", expected u32";
        assert_eq!(result, Err(Failure::Arguments(message.to_owned())));
    }

    #[test]
    fn empty_tables_are_what_is_wanted() {
        let sizes =
            |list: Vec<u8>, map: BTreeMap<String, u8>| async move { Ok::<_, String>(list.len() + map.len()) };
        for empty in [Value::Array(Vec::new()), Value::Record(Vec::new())] {
            let result = called(
                Namespace::new("n").function("sizes", sizes),
                vec![empty.clone(), empty],
            );
            assert_eq!(result, Ok(Value::Number(0.0)));
        }
    }

    #[test]
    fn failures_keep_to_themselves() {
        let fail = || async { Err::<(), _>("NotSold: cars") };
        let failed = |text: &str| Err(Failure::Failed(text.to_owned()));
        assert_eq!(
            called(Namespace::new("n").function("fail", fail), vec![]),
            failed("NotSold: cars")
        );
        let large = || async { Ok::<_, String>(u64::MAX) };
        assert_eq!(
            called(Namespace::new("n").function("large", large), vec![]),
            failed(
                "the result has no form in Luau: 18446744073709551615 is more than a number holds exactly"
            )
        );
        let keys = || async { Ok::<_, String>(BTreeMap::from([(1.5f32.to_bits(), 1)])) };
        assert!(called(Namespace::new("n").function("keys", keys), vec![]).is_ok());
    }

    #[test]
    fn namespaces_of_scripts_count() {
        let one =
            |number: i32| Namespace::new("n").function("one", move || async move { Ok::<_, String>(number) });
        let functions = Functions::of(&[one(1), Namespace::new("m")], &[one(2)]);
        let names: Vec<_> = functions.names().collect();
        assert_eq!(
            names,
            [("m".to_owned(), vec![]), ("n".to_owned(), vec!["one".to_owned()])]
        );
        let called = functions.get(0).expect("it is there").call(Vec::new());
        assert_eq!(called.now_or_never(), Some(Ok(Value::Number(2.0))));
        assert!(functions.get(1).is_none());
    }

    #[test]
    fn names() {
        for name in ["shop", "_x1", "Net2"] {
            assert!(is_name(name), "{name}");
        }
        for name in ["", "1x", "a.b", "end", "é", "a b"] {
            assert!(!is_name(name), "{name}");
        }
    }
}
