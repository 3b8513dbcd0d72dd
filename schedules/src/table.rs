//! The table of scenarios: each operation, each event that ends its waiting, each way in which the connection is driven meanwhile.

/// The handles under test.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Surface {
    /// A whole `WebSocket`, in one task; its `Stream` and its `Sink`, in two.
    Whole,
    /// Two halves, in tasks.
    Halves,
    /// A `Client` and its `Handle`s, in tasks.
    Client,
    /// Two halves, in threads.
    Threads,
}

/// The operation that waits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs, reason = "they have the names of the methods")]
pub enum Operation {
    Ready,
    Feed,
    Send,
    Flush,
    Ping,
    Close,
    Recv,
    NextEvent,
    ForEachBorrowed,
    RecvStream,
    Confirm,
    Sink,
}

/// The event that the operation waits for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Event {
    /// The transport takes some of the bytes that wait.
    Room,
    /// The read-ahead was full, and messages are taken out of it.
    ReadAhead,
    /// A pong comes.
    Pong,
    /// The peer's Close frame comes.
    Close,
    /// The peer ends the stream.
    EndOfStream,
    /// The connection or the client is aborted.
    Abort,
    /// The other half is dropped.
    HalfDropped,
    /// The client is dropped, and handles live on.
    ClientDropped,
    /// The listener shuts down.
    Signal,
}

/// Who drives the connection while the operation waits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Driver {
    /// The task of the operation alone.
    Own,
    /// The other half as well; of a client, the task that takes its events.
    Other,
    /// A third task begins to wait, and gives up.
    Third,
}

/// All of them.
pub const SURFACES: [Surface; 4] = [Surface::Whole, Surface::Halves, Surface::Client, Surface::Threads];

/// All of them.
pub const OPERATIONS: [Operation; 12] = [
    Operation::Ready,
    Operation::Feed,
    Operation::Send,
    Operation::Flush,
    Operation::Ping,
    Operation::Close,
    Operation::Recv,
    Operation::NextEvent,
    Operation::ForEachBorrowed,
    Operation::RecvStream,
    Operation::Confirm,
    Operation::Sink,
];

/// All of them.
pub const EVENTS: [Event; 9] = [
    Event::Room,
    Event::ReadAhead,
    Event::Pong,
    Event::Close,
    Event::EndOfStream,
    Event::Abort,
    Event::HalfDropped,
    Event::ClientDropped,
    Event::Signal,
];

/// All of them.
pub const DRIVERS: [Driver; 3] = [Driver::Own, Driver::Other, Driver::Third];

/// A cell of the table.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Cell {
    /// The handles.
    pub surface: Surface,
    /// What waits.
    pub operation: Operation,
    /// What it waits for.
    pub event: Event,
    /// Who drives meanwhile.
    pub driver: Driver,
}

impl Operation {
    /// Whether it waits for something to receive.
    pub fn receives(self) -> bool {
        use Operation::{ForEachBorrowed, NextEvent, Recv, RecvStream};
        matches!(self, Recv | NextEvent | ForEachBorrowed | RecvStream)
    }

    /// Whether room for a message is all that it waits for.
    pub fn wants_room_only(self) -> bool {
        matches!(self, Self::Ready | Self::Feed | Self::Sink)
    }
}

impl Event {
    /// Whether the connection ends with it.
    pub fn ends(self) -> bool {
        matches!(self, Self::Close | Self::EndOfStream | Self::Abort | Self::Signal)
    }
}

impl Cell {
    /// The name by which it can be run again.
    pub fn name(self) -> String {
        let Self { surface, operation, event, driver } = self;
        format!("{surface:?}/{operation:?}/{event:?}/{driver:?}")
    }

    /// Why there is no such scenario.
    pub fn impossible(self) -> Option<&'static str> {
        IMPOSSIBLE.iter().find(|(_, matches)| matches(self)).map(|(reason, _)| *reason)
    }
}

type Matches = fn(Cell) -> bool;

/// The combinations that cannot be, with the reason.
pub const IMPOSSIBLE: &[(&str, Matches)] = &[
    ("only a client confirms", |cell| {
        cell.operation == Operation::Confirm && cell.surface != Surface::Client
    }),
    ("a client has no such operation: it sends, flushes, confirms, closes and gives events", |cell| {
        use Operation::{Close, Confirm, Flush, NextEvent, Send};
        cell.surface == Surface::Client
            && !matches!(cell.operation, Send | Flush | Close | NextEvent | Confirm)
    }),
    ("a listener of threads accepts sockets of the system only", |cell| {
        cell.surface == Surface::Threads && matches!(cell.event, Event::Abort | Event::Signal)
    }),
    ("threads have no sink", |cell| cell.operation == Operation::Sink && cell.surface == Surface::Threads),
    ("only a client is dropped while handles live on", |cell| {
        cell.event == Event::ClientDropped && cell.surface != Surface::Client
    }),
    ("only a split connection has halves", |cell| {
        cell.event == Event::HalfDropped && matches!(cell.surface, Surface::Whole | Surface::Client)
    }),
    ("no listener has accepted a client", |cell| {
        cell.event == Event::Signal && cell.surface == Surface::Client
    }),
    ("a whole connection is in one task, but for its stream and its sink", |cell| {
        cell.surface == Surface::Whole
            && cell.driver == Driver::Other
            && !matches!(cell.operation, Operation::Sink | Operation::Recv)
    }),
    ("nobody but the task that waits could take messages", |cell| {
        cell.surface == Surface::Whole
            && cell.event == Event::ReadAhead
            && cell.driver != Driver::Other
            && !cell.operation.receives()
    }),
    ("the half or the client that is dropped is the one that would drive", |cell| {
        matches!(cell.event, Event::HalfDropped | Event::ClientDropped) && cell.driver == Driver::Other
    }),
    ("the client that is dropped is the one that waits", |cell| {
        cell.event == Event::ClientDropped && cell.operation == Operation::NextEvent
    }),
    ("a receiver alone reads nothing ahead", |cell| {
        cell.event == Event::ReadAhead && cell.operation.receives() && cell.driver == Driver::Own
    }),
    ("a visitor that alone has the connection sees a message when there is room for its answer", |cell| {
        cell.surface == Surface::Whole
            && cell.event == Event::ReadAhead
            && cell.operation == Operation::ForEachBorrowed
    }),
    ("a call of a thread cannot be given up", |cell| {
        cell.surface == Surface::Threads && cell.driver == Driver::Third
    }),
];

/// Checks the table itself: each operation, event and driver is in a scenario, and each reason is one. Gives the number of cells
/// that run, and of those that cannot.
pub fn check() -> (usize, usize) {
    let (run, impossible): (Vec<Cell>, Vec<Cell>) = cells().partition(|cell| cell.impossible().is_none());
    let occurs = |name: &str, is: &dyn Fn(&Cell) -> bool| {
        assert!(run.iter().any(is), "{name} is in no scenario");
    };
    for surface in SURFACES {
        occurs(&format!("{surface:?}"), &|cell| cell.surface == surface);
    }
    for operation in OPERATIONS {
        occurs(&format!("{operation:?}"), &|cell| cell.operation == operation);
    }
    for event in EVENTS {
        occurs(&format!("{event:?}"), &|cell| cell.event == event);
    }
    for driver in DRIVERS {
        occurs(&format!("{driver:?}"), &|cell| cell.driver == driver);
    }
    for (reason, _) in IMPOSSIBLE {
        assert!(impossible.iter().any(|cell| cell.impossible() == Some(reason)), "nothing is so: {reason}");
    }
    (run.len(), impossible.len())
}

/// All cells.
pub fn cells() -> impl Iterator<Item = Cell> {
    SURFACES.into_iter().flat_map(|surface| {
        OPERATIONS.into_iter().flat_map(move |operation| {
            EVENTS.into_iter().flat_map(move |event| {
                DRIVERS.into_iter().map(move |driver| Cell { surface, operation, event, driver })
            })
        })
    })
}
