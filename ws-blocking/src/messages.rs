//! The messages of a connection, as an iterator.

use ws_core::{Error, Message};

use crate::shared::SharedConnection;
use crate::transport::Transport;

/// The messages of a connection, as they come: `for message in &mut socket`.
pub struct Messages<'a, S: Transport>(pub(crate) &'a SharedConnection<S>);

impl<S: Transport> Iterator for Messages<'_, S> {
    type Item = Result<Message, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        self.0.recv().transpose()
    }
}
