//! The acts of the peer in each scenario.

use crate::flags::Flag;
use crate::peer::{LARGE, MARKER, Step};
use crate::table::{Cell, Driver, Event, Operation, Surface};

/// Number of messages that are more than the read-ahead and the transport hold.
pub(super) const MANY: usize = 12;

/// The same for a client, whose queue of events holds more.
pub(super) const MANY_EVENTS: usize = 24;

/// The script of a cell's peer.
pub(super) fn of(cell: Cell) -> Vec<Step> {
    let steps = if cell.operation.receives() { receiving(cell) } else { sending(cell) };
    [Step::Await(Flag::Begun)].into_iter().chain(steps).collect()
}

/// The operation waits for the transport to take bytes, or for the end.
fn sending(cell: Cell) -> Vec<Step> {
    // The message after the operation must arrive without further ado.
    let taken = match cell.operation {
        Operation::Close | Operation::Confirm => vec![Step::Answer],
        _ => vec![Step::Until(MARKER), Step::Tell(Flag::Seen), Step::Answer],
    };
    let first = match cell.event {
        // Room for a message, though not all has left.
        Event::Room if cell.operation.wants_room_only() => {
            vec![Step::Take(250), Step::Await(Flag::Completed)]
        }
        Event::Room => vec![Step::Take(250)],
        Event::ReadAhead | Event::HalfDropped | Event::ClientDropped => vec![Step::Send(many(cell))],
        Event::Pong => vec![Step::Pong],
        Event::Close => return vec![Step::Close, Step::Answer],
        Event::EndOfStream => return vec![Step::End, Step::Answer],
        Event::Signal => return vec![Step::Answer],
        Event::Abort => return vec![],
    };
    first.into_iter().chain(taken).collect()
}

/// The operation waits for messages, or for the end.
fn receiving(cell: Cell) -> Vec<Step> {
    match cell.event {
        Event::Room if cell.driver == Driver::Other => {
            vec![Step::Until(MARKER), Step::Send(1), Step::Answer]
        }
        Event::Room | Event::HalfDropped => vec![Step::Until(&LARGE), Step::Send(1), Step::Answer],
        Event::ReadAhead => vec![Step::Send(many(cell)), Step::Answer],
        Event::Pong => vec![Step::Pong, Step::Send(1), Step::Answer],
        Event::Close => vec![Step::Close, Step::Answer],
        Event::EndOfStream => vec![Step::End, Step::Answer],
        Event::Signal => vec![Step::Answer],
        Event::Abort | Event::ClientDropped => vec![],
    }
}

/// Number of messages that a receiving operation gets before the connection ends, if it does.
pub(super) fn messages(cell: Cell) -> usize {
    match cell.event {
        Event::ReadAhead => many(cell),
        Event::Room | Event::HalfDropped | Event::Pong => 1,
        _ => 0,
    }
}

fn many(cell: Cell) -> usize {
    if cell.surface == Surface::Client { MANY_EVENTS } else { MANY }
}
