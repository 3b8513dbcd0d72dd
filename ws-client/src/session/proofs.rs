//! What is known about the arrival of messages.

/// What became of the messages before a call of [`Session::confirm`](super::Session::confirm).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Confirmation {
    /// Not known yet.
    Pending,
    /// The next WebSocket hop has parsed them all.
    Proven,
    /// Some of them may not have arrived, and are not sent again: the transport had taken them when the connection ended
    /// ([`Delivery::AtMostOnce`](super::Delivery::AtMostOnce)), they were given up, or they were taken back. Or the client is
    /// over.
    Lost,
}

/// A place in the order of messages: what [`Session::confirm`](super::Session::confirm) asks about.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Ticket {
    /// The newest message that is asked about.
    newest: u64,
    /// How many losses the asker can have heard of.
    losses: u64,
}

/// Messages have sequence numbers from 1. Nothing is kept for a ticket, so that one that is forgotten costs nothing.
#[derive(Default)]
pub(super) struct Proofs {
    /// All up to here have arrived, except for what was lost.
    proven: u64,
    /// The newest message that somebody asked about since the last loss.
    asked: u64,
    /// How often messages were lost.
    losses: u64,
    /// How many of the losses somebody was told of.
    told: u64,
    /// What was proven when messages were lost the last time.
    proven_before_loss: u64,
}

impl Proofs {
    pub(super) fn ask(&mut self, newest: u64) -> Ticket {
        if self.told == self.losses {
            self.asked = self.asked.max(newest);
        }
        Ticket { newest, losses: self.told }
    }

    /// Whether somebody waits for a proof that reaches no further than `newest`.
    pub(super) fn is_asked(&self, newest: u64) -> bool {
        self.asked > self.proven && self.asked <= newest
    }

    pub(super) fn answer(&mut self, ticket: Ticket) -> Confirmation {
        let is_proven = match self.losses - ticket.losses {
            0 if self.proven < ticket.newest => return Confirmation::Pending,
            0 => true,
            1 => self.proven_before_loss >= ticket.newest,
            // So late nobody knows any more.
            _ => false,
        };
        if is_proven {
            Confirmation::Proven
        } else {
            self.told = self.losses;
            Confirmation::Lost
        }
    }

    pub(super) fn proven(&self) -> u64 {
        self.proven
    }

    /// The peer has parsed all up to here.
    pub(super) fn prove(&mut self, newest: u64) {
        self.proven = self.proven.max(newest);
    }

    /// A message behind `proven` will not be proven any more.
    pub(super) fn lose(&mut self) {
        self.losses += 1;
        self.proven_before_loss = self.proven;
        self.asked = 0;
    }
}
