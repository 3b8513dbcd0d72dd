//! Types that hold numbers and names of the library alone.

use std::time::Duration;

use ws_common::OpenPhase;
use ws_common::duplex::Consumer;
use ws_common::proxy::{ProxyScheme, ProxyStep, Socks5Reply};
use ws_common::reconnect::{Backoff, Reconnect, RetryDecision};
use ws_common::session::{Delivery, OutboxPolicy};
use ws_core::{
    CloseCode, Config, Deflate, Direction, Initiator, Instant, InvalidClose, Outbound, PingError, Role,
    StreamError, Timeout, Traffic,
};

use crate::core::random;
use crate::exhibition::Exhibition;

pub(crate) fn exhibit(exhibition: &mut Exhibition) {
    exhibition.both(&CloseCode::NORMAL);
    exhibition.debug(&Config::default());
    exhibition.both(&Deflate::default());
    let negotiated = Deflate::default().accept(["permessage-deflate"]).unwrap().unwrap();
    exhibition.both(&negotiated);
    exhibition.debug(&Direction::Read);
    exhibition.debug(&Initiator::Local);
    exhibition.debug(&Instant::EPOCH);
    exhibition.error(&InvalidClose::Code(0));
    exhibition.debug(&Outbound::default());
    exhibition.error(&PingError::Full(1));
    exhibition.debug(&random());
    exhibition.debug(&Role::Client);
    exhibition.error(&StreamError::Full(1));
    exhibition.both(&Timeout::Pong(Duration::from_secs(1)));
    exhibition.debug(&Traffic::default());
    exhibition.debug(&ws_core::Stats::default());
    exhibition.debug(&ws_core::frame::Opcode::Text);
    exhibition.debug(&ws_core::frame::Header::control(ws_core::frame::Opcode::Ping, None, 0).unwrap());
    exhibition.debug(&ws_core::frame::Rules { sender: Role::Server, rsv1: false });
    exhibition.both(&OpenPhase::Setup);
    exhibition.debug(&Consumer::Caller);
    exhibition.both(&ProxyScheme::Http);
    exhibition.debug(&ProxyStep::Connect);
    exhibition.both(&Socks5Reply::GeneralFailure);
    exhibition.debug(&Backoff::default());
    exhibition.debug(&Reconnect::never().attempts());
    exhibition.debug(&Reconnect::after(Duration::ZERO).decide(|_| None));
    exhibition.debug(&RetryDecision::Retry);
    exhibition.debug(&Delivery::AtMostOnce);
    exhibition.debug(&OutboxPolicy::Keep);
    exhibition.error(&ws_common::ReuniteError { sender: (), receiver: () });
}
