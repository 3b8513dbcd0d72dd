//! See the README.

use std::process::ExitCode;

fn main() -> ExitCode {
    ws_bench::main(None)
}
