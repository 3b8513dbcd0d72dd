//! One list of setters for a single connection and for a client.

/// Defines setters of [`ConnectOptions`](super::ConnectOptions), and the same setters of a
/// [`ClientBuilder`](crate::session::ClientBuilder).
///
/// After `=` stands the method of `ConnectOptions` that applies a closure: `set`, or `try_set` for a value that may be invalid.
macro_rules! setters {
    ($(#![$group:meta])* $(
        $(#[$attribute:meta])*
        fn $name:ident($($argument:ident: $type:ty),*) = $apply:ident($set:expr);
    )*) => {
        $(#[$group])*
        impl crate::options::ConnectOptions {$(
            $(#[$attribute])*
            #[must_use]
            pub fn $name(self, $($argument: $type),*) -> Self {
                self.$apply($set)
            }
        )*}

        $(#[$group])*
        impl<C> crate::session::ClientBuilder<C> {$(
            $(#[$attribute])*
            #[must_use]
            pub fn $name(mut self, $($argument: $type),*) -> Self {
                self.connect = self.connect.$name($($argument),*);
                self
            }
        )*}
    };
}

pub(super) use setters;
