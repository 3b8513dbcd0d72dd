/// The crates whose types stand in the types of an adapter.
#[cfg(any(feature = "ring", feature = "aws-lc-rs"))]
#[doc(hidden)]
#[macro_export]
macro_rules! define_crates {
    () => {
        pub use $crate::ws_common::rustls;
        pub use $crate::ws_core::{self, bytes, bytestring};
    };
}

/// The same without TLS.
#[cfg(not(any(feature = "ring", feature = "aws-lc-rs")))]
#[doc(hidden)]
#[macro_export]
macro_rules! define_crates {
    () => {
        pub use $crate::ws_core::{self, bytes, bytestring};
    };
}
