//! The program `atoll`: everything is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    atoll::cli::main()
}
