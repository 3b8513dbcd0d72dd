//! The command of the model checker: see the README.

#[cfg(shuttle)]
fn main() -> std::process::ExitCode {
    schedules::command::main()
}

#[cfg(not(shuttle))]
fn main() {
    eprintln!("built without --cfg shuttle: use schedules/run");
    std::process::exit(2);
}
