//! What can be registered as a function: closures and functions of up to eight arguments that return a future.

use std::fmt::Display;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::value::Value;
use super::{Calling, Failure, de, ser};

/// An async function that scripts can call: `Fn(A, B, …) -> impl Future<Output = Result<R, E>> + Send`, where the arguments can be
/// [deserialized](serde::Deserialize), the result [serialized](serde::Serialize) and the error displayed.
///
/// Nothing else implements it.
pub trait Function<Arguments>: Send + Sync + 'static {
    #[doc(hidden)]
    #[expect(
        private_interfaces,
        reason = "only this crate calls it, and nobody else implements it"
    )]
    fn call(&self, arguments: Vec<Value>, token: Token) -> Calling;
}

/// Keeps others from calling and implementing.
pub(crate) struct Token;

/// The arguments one by one; those that are missing are nil.
struct Reader {
    values: std::vec::IntoIter<Value>,
    number: usize,
}

impl Reader {
    fn new(values: Vec<Value>, most: usize) -> Result<Reader, Failure> {
        let got = values.len();
        if got > most {
            let plural = if most == 1 { "" } else { "s" };
            return Err(Failure::Arguments(format!(
                "takes {most} argument{plural}, got {got}"
            )));
        }
        Ok(Reader {
            values: values.into_iter(),
            number: 0,
        })
    }

    fn next<A: DeserializeOwned>(&mut self) -> Result<A, Failure> {
        self.number += 1;
        let value = self.values.next().unwrap_or(Value::Nil);
        de::read(value).map_err(|why| Failure::Arguments(format!("argument #{}: {why}", self.number)))
    }
}

fn finish<R: Serialize, E: Display>(result: Result<R, E>) -> Result<Value, Failure> {
    let result = result.map_err(|error| Failure::Failed(error.to_string()))?;
    ser::write(&result).map_err(|why| Failure::Failed(format!("the result has no form in Luau: {why}")))
}

macro_rules! functions {
    ($most:literal $($argument:ident)*) => {
        impl<Body, Running, Output, Error, $($argument),*> Function<($($argument,)*)> for Body
        where
            Body: Fn($($argument),*) -> Running + Send + Sync + 'static,
            Running: Future<Output = Result<Output, Error>> + Send + 'static,
            Output: Serialize,
            Error: Display,
            $($argument: DeserializeOwned,)*
        {
            #[expect(private_interfaces, reason = "as the trait has it")]
            #[allow(non_snake_case, unused_mut, unused_variables, reason = "the macro has one name for type and value, and some have none")]
            fn call(&self, arguments: Vec<Value>, Token: Token) -> Calling {
                let read = || {
                    let mut reader = Reader::new(arguments, $most)?;
                    Ok(($(reader.next::<$argument>()?,)*))
                };
                match read() {
                    Ok(($($argument,)*)) => {
                        let running = self($($argument),*);
                        Box::pin(async move { finish(running.await) })
                    }
                    Err(failure) => Box::pin(std::future::ready(Err(failure))),
                }
            }
        }
    };
}

functions!(0);
functions!(1 A);
functions!(2 A B);
functions!(3 A B C);
functions!(4 A B C D);
functions!(5 A B C D F);
functions!(6 A B C D F G);
functions!(7 A B C D F G H);
functions!(8 A B C D F G H I);
