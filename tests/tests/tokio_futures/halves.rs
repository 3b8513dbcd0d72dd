//! Futures of one half that are dropped while the other half works.

use std::time::Duration;

use futures_util::future::join;
use suite::wire::{BINARY, FIN, frame};
use tokio::io::duplex;
use ws_core::Role;
use ws_tokio::{CloseCode, Config, ConnectOptions, Message, WebSocket};

use crate::polls::at_every_poll;
use crate::transport::Transport;

#[tokio::test(start_paused = true)]
async fn a_receiver_that_is_dropped_does_not_hold_up_the_sender() {
    at_every_poll(async |polls| {
        let (client, server) = duplex(32);
        let options = ConnectOptions::new("ws://in.memory/");
        let (client, server) =
            tokio::join!(WebSocket::connect_over(client, options), WebSocket::accept(server));
        let (mut sender, mut receiver) = client.unwrap().0.split();
        let mut server = server.unwrap().0;
        let echo = async {
            while let Some(message) = server.recv().await.unwrap() {
                server.send(message).await.unwrap();
            }
        };
        let sending = async {
            for i in 0..5 {
                sender.send(vec![i; 100]).await.unwrap();
            }
            sender
        };
        let receiving = async {
            let mut received = Vec::new();
            while received.len() < 5 {
                received.push(polls.again(async || receiver.recv().await).await.unwrap().unwrap());
            }
            (received, receiver)
        };
        let using = async {
            let (mut sender, (received, mut receiver)) = join(sending, receiving).await;
            assert!(sender.close(CloseCode::NORMAL).await.clean);
            assert_eq!(receiver.recv().await.unwrap(), None);
            received
        };
        let (received, ()) = join(using, echo).await;
        received
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_sender_that_is_dropped_does_not_hold_up_the_receiver() {
    at_every_poll(async |polls| {
        let transport = Transport::stuttering(20);
        for i in 0..5 {
            transport.give(frame(FIN | BINARY, true, &[i; 100]));
        }
        let socket = transport.connection(Role::Server, &Config::default().max_send_buffer(50));
        let (mut sender, mut receiver) = socket.split();
        let sending = async {
            for i in 0..5 {
                polls.again(async || sender.ready().await).await.unwrap();
                sender.try_send(vec![i; 100]).unwrap();
                polls.again(async || sender.flush().await).await.unwrap();
            }
        };
        let receiving = async {
            for i in 0..5 {
                assert_eq!(receiver.recv().await.unwrap(), Some(Message::from(vec![i; 100])));
            }
        };
        join(sending, receiving).await;
        transport.frames()
    })
    .await;
}

/// What the other half does not take must not hold it up for ever.
#[tokio::test(start_paused = true)]
async fn a_sender_closes_in_time_though_nobody_takes_what_was_read_ahead() {
    let transport = Transport::new();
    let socket = transport.connection(Role::Client, &Config::default().max_read_ahead(150));
    let (mut sender, _receiver) = socket.split();
    for i in 0..3 {
        transport.give(frame(FIN | BINARY, false, &[i; 100]));
    }
    let closing = tokio::time::timeout(Duration::from_secs(60), sender.close(CloseCode::NORMAL));
    assert!(!closing.await.unwrap().clean);
}
