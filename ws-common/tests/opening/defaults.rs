//! The limits of a server that sets none.

use std::time::Duration;

use ws_common::AcceptOptions;
use ws_common::system::shutdown::Limits;

#[test]
fn the_default_limits_of_a_listener() {
    let options = AcceptOptions::default();
    let limits =
        Limits { max_handshakes: 1024, max_connections: usize::MAX, max_connections_per_client: usize::MAX };
    assert_eq!(options.limits(), limits);
    assert_eq!(options.open_timeout, Duration::from_secs(10));
    assert_eq!(options.decide_timeout, Duration::from_secs(30));
}
