//! `atoll build`: puts a script and its modules into one component.
//!
//! What a component holds is collected and checked here, whatever it is for (`check::closure`, `include`, `package`); what is made
//! of it is the target's.

mod compile;
mod include;
mod package;
mod wasi_http;

use std::io::ErrorKind;
use std::path::Path;

use bytes::Bytes;

use self::compile::Compiler;
use self::package::Package;
use super::check::{Closure, closure};
use super::{BuildArgs, Exit, Target, apps, fail};
use crate::app::{About, App, CONTRACT, OTHER_HOSTS};
use crate::project::Files;
use crate::runtime::GUEST;

/// Builds the app, and says nothing where all is well.
pub(super) fn run(args: BuildArgs) -> Exit {
    match build(args) {
        Ok(()) => Exit::Done,
        Err(exit) => exit,
    }
}

fn build(args: BuildArgs) -> Result<(), Exit> {
    let (script, output) = (args.script.clone(), args.output.clone());
    // Before anything takes time.
    check_output(&output)?;
    let included = include::expand(&args.include).map_err(|problem| super::usage(&problem))?;
    let compiler = Compiler::new()?;
    let Closure { mut files, root } = closure(&script, &included, compiler.runtime(), compiler.executor())?;
    let package = Package::of(&args, &root).map_err(|problem| super::usage(&problem))?;
    if args.strip {
        files = compiler.strip(files)?;
    }
    let component = match args.target {
        Target::Atoll => atoll(package, files).map_err(|problem| fail(Exit::Failed, &problem))?,
        Target::WasiHttp => {
            let component = wasi_http::component(&files, args.limits, compiler.executor())?;
            let about = about(package, OTHER_HOSTS);
            about
                .add_to(&component)
                .map_err(|problem| fail(Exit::Failed, &problem))?
        }
    };
    std::fs::write(&output, component).map_err(|error| unwritten(&output, &error))
}

/// An app for `atoll run`.
fn atoll(package: Package, files: Files) -> Result<Vec<u8>, String> {
    let app = App {
        about: about(package, CONTRACT),
        files,
        guest: Bytes::from_static(GUEST),
    };
    app.write()
}

fn about(package: Package, contract: &str) -> About {
    About {
        name: package.name,
        version: package.version,
        contract: contract.to_owned(),
        atoll: env!("CARGO_PKG_VERSION").to_owned(),
        wishes: package.wishes,
    }
}

/// Whether the app may be written there: over another one, but not over a script.
fn check_output(output: &Path) -> Result<(), Exit> {
    let found = match std::fs::metadata(output) {
        Ok(found) => found,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(unwritten(output, &error)),
    };
    if !found.is_file() || found.len() == 0 || apps::is_at(output) {
        return Ok(());
    }
    let message = format!(
        "{} is there and is no WebAssembly, so it stays as it is; choose another name with -o",
        output.display()
    );
    Err(fail(Exit::Usage, &message))
}

fn unwritten(output: &Path, error: &std::io::Error) -> Exit {
    fail(
        Exit::Failed,
        &format!("cannot write the app {}: {error}", output.display()),
    )
}
