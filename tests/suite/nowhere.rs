//! Addresses that refuse, and addresses that do not answer.

use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use socket2::{Domain, Socket, Type};

/// An address at which nobody listens, as long as this is kept: no other test can be given it meanwhile.
pub struct Nobody(Socket);

impl Nobody {
    pub fn address(&self) -> SocketAddr {
        self.0.local_addr().unwrap().as_socket().unwrap()
    }
}

impl Default for Nobody {
    fn default() -> Self {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        socket.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
        Self(socket)
    }
}

/// An address that answers nothing, not even to connecting: it listens, and its queue is full.
pub struct BlackHole {
    listener: Socket,
    _queue: Vec<TcpStream>,
}

impl BlackHole {
    /// `None` if the machine has no such address.
    pub fn at(address: SocketAddr) -> Option<Self> {
        let listener = Socket::new(Domain::for_address(address), Type::STREAM, None).ok()?;
        if address.is_ipv6() {
            listener.set_only_v6(true).unwrap();
        }
        listener.bind(&address.into()).ok()?;
        listener.listen(0).unwrap();
        let address = listener.local_addr().unwrap().as_socket().unwrap();
        let mut queue = Vec::new();
        while let Ok(stream) = TcpStream::connect_timeout(&address, Duration::from_millis(100)) {
            queue.push(stream);
            assert!(queue.len() < 100, "the queue of a listener does not fill");
        }
        Some(Self { listener, _queue: queue })
    }

    pub fn address(&self) -> SocketAddr {
        self.listener.local_addr().unwrap().as_socket().unwrap()
    }
}
