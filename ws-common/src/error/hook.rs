//! The common part of the errors of hooks that supply something for an attempt.

/// Defines the methods of an error of the program that has the fields `error` and `is_final`, and its texts. `$failed` begins `Display`.
macro_rules! hook_error {
    ($name:ident, $failed:literal) => {
        impl $name {
            /// An error after which no attempt follows, unless a hook ([`decide`](crate::reconnect::Reconnect::decide)) or the user
            /// ([`reconnect_after`](crate::session::Session::reconnect_after)) wants one.
            pub fn final_error(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
                Self { error: error.into(), is_final: true }
            }

            /// Whether no attempt can succeed.
            pub fn is_final(&self) -> bool {
                self.is_final
            }

            /// The error of the program.
            pub fn error(&self) -> &(dyn Error + Send + Sync + 'static) {
                &*self.error
            }

            /// The error of the program, to take it apart.
            pub fn into_error(self) -> Box<dyn Error + Send + Sync> {
                self.error
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(f, concat!($failed, ": {}"), self.error)
            }
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.debug_struct(stringify!($name))
                    .field("error", &self.error)
                    .field("is_final", &self.is_final)
                    .finish()
            }
        }
    };
}

pub(super) use hook_error;
