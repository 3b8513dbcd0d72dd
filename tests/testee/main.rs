//! The black-box entry for conformance suites: a client and a server of each runtime, that echo and say what happens.

mod args;
mod asynchronous;
mod autobahn;
mod blocking;
mod executors;
mod load;
mod report;

use std::process::ExitCode;

use args::{Command, Stay};
use asynchronous::{Executor, On};
use report::Report;
use ws_common::{AcceptOptions, ConnectOptions};

/// What a runtime can do here. Adding an asynchronous one is a type in [`executors`], and a line in [`runtime`].
#[derive(Clone, Copy)]
struct Runtime {
    /// Connects once and echoes every message, until closed.
    connect: fn(ConnectOptions, &mut Report),
    /// Stays connected and echoes every message, until over.
    stay: fn(&Stay, &mut Report),
    /// Accepts on a port of the loopback interface, and echoes every message of every client, for ever.
    serve: fn(u16, AcceptOptions) -> std::io::Result<()>,
}

fn on<E: Executor>() -> Runtime {
    Runtime { connect: On::<E>::connect, stay: On::<E>::stay, serve: On::<E>::serve }
}

fn runtime(name: &str) -> Option<Runtime> {
    Some(match name {
        "tokio" => on::<executors::Tokio>(),
        "async-std" => on::<executors::AsyncStd>(),
        "smol" => on::<executors::Smol>(),
        "blocking" => Runtime { connect: blocking::connect, stay: blocking::stay, serve: blocking::serve },
        _ => return None,
    })
}

fn main() -> ExitCode {
    let done = match args::parse() {
        Ok(Command::Help) => {
            print!("{}", args::USAGE);
            Ok(true)
        }
        Ok(Command::Connect { runtime, options }) => {
            let mut report = Report::printing();
            match *options {
                Ok(options) => (runtime.connect)(options, &mut report),
                Err(error) => report.not_connected(&error),
            }
            Ok(report.is_clean())
        }
        Ok(Command::Stay { runtime, stay }) => {
            let mut report = Report::printing();
            (runtime.stay)(&stay, &mut report);
            Ok(report.is_clean())
        }
        Ok(Command::Serve { runtime, port, options }) => {
            (runtime.serve)(port, *options).map(|()| true).map_err(|error| error.to_string())
        }
        Ok(Command::Autobahn { runtime, url, agent, config }) => {
            autobahn::run(runtime, &url, &agent, &config)
        }
        Err(error) => Err(error.to_string()),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("testee: {error}");
            ExitCode::from(2)
        }
    }
}
