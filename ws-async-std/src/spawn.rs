//! The executor of clients in the background: that of smol by its feature, else that of async-std by its feature, else one thread for each
//! client.
//!
//! With both features it is that of smol, the default, so that a program on smol does not change when another crate of the program chooses
//! async-std. Streams of async-std work there, too, because both executors share one reactor, async-io.

#[cfg(feature = "smol")]
mod smol;
#[cfg(feature = "smol")]
pub(crate) use smol::spawn;

#[cfg(all(feature = "async-std", not(feature = "smol")))]
mod async_std;
#[cfg(all(feature = "async-std", not(feature = "smol")))]
pub(crate) use async_std::spawn;

#[cfg(not(any(feature = "smol", feature = "async-std")))]
mod thread;
#[cfg(not(any(feature = "smol", feature = "async-std")))]
pub(crate) use thread::spawn;

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::thread;

    use super::spawn;

    #[test]
    fn the_features_choose_the_executor() {
        let (sender, receiver) = mpsc::channel();
        spawn(async move { sender.send(thread::current().name().map(str::to_owned)).unwrap() });
        let name = receiver.recv().unwrap().unwrap_or_default();
        let expected = match (cfg!(feature = "smol"), cfg!(feature = "async-std")) {
            (true, _) => "smol",
            (false, true) => "async-std",
            (false, false) => "",
        };
        assert!(name.starts_with(expected) && name.is_empty() == expected.is_empty(), "{name:?}");
    }
}
