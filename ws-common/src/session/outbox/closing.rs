//! The outbox when the peer closes.

use ws_core::Connection;

use super::Outbox;
use super::present::BEHIND_CLOSE;

impl Outbox {
    /// Answers the peer's Close frame on a connection after which another may follow. Messages of the present connection leave before the
    /// answer, because no other sends them. Messages of the outbox that have not begun to leave wait for the next one.
    pub(in crate::session) fn answer_closing_peer(&mut self, connection: &mut Connection) {
        let (mut given, mut present) = (self.taken, self.present.taken);
        // Of each message that the connection has, in order: whether it belongs to the connection.
        let mut order = Vec::new();
        while given < self.given.len() || present < self.present.given.len() {
            let is_present = self.is_present(given, present);
            if is_present {
                present += 1;
            } else {
                given += 1;
            }
            order.push(is_present);
        }
        let (mut left, mut withheld) = (0, 0);
        connection.answer_closing_peer_behind(|n| {
            let leaves = order.get(n) == Some(&true);
            if leaves {
                left += 1;
            } else {
                withheld += 1;
            }
            leaves
        });
        for entry in self.given.iter_mut().rev().take(withheld) {
            entry.begin = BEHIND_CLOSE;
        }
        for entry in self.present.given.iter_mut().rev().take(left) {
            entry.begin = BEHIND_CLOSE;
        }
    }
}
