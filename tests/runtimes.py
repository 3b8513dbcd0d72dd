"""The runtimes that `testee` knows."""

RUNTIMES = ["tokio", "async-std", "smol", "blocking"]
