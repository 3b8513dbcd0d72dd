//! Visitors that use the connection by its other handles.

use std::ops::ControlFlow;
use std::thread;
use std::time::Duration;

use ws_blocking::{CloseCode, MessageKind, MessageRef};

use crate::support::{bounded, pair, quiet};

#[test]
fn a_visitor_of_a_half_may_call_every_method_of_a_sender() {
    bounded(|| {
        let (mut client, server) = pair(&quiet());
        let (mut sender, mut receiver) = server.split();
        let mut other = sender.clone();
        let serving = thread::spawn(move || {
            receiver.for_each_borrowed(|message, reply| {
                assert_eq!(message, MessageRef::Text("hello"));
                reply.send(MessageRef::Text("reply")).unwrap();
                sender.try_send("tried").unwrap();
                sender.ready().unwrap();
                sender.feed("fed").unwrap();
                sender.send("sent").unwrap();
                sender.flush().unwrap();
                sender.ping("ping").unwrap();
                sender.send_stream(MessageKind::Text).unwrap().finish().unwrap();
                // In another thread, too.
                thread::scope(|scope| scope.spawn(|| other.send("elsewhere").unwrap()).join().unwrap());
                sender.start_close(CloseCode::NORMAL);
                sender.close(CloseCode::NORMAL);
                ControlFlow::Continue(())
            })
        });
        client.send("hello").unwrap();
        let texts: Vec<_> =
            (&mut client).into_iter().map(|m| m.unwrap().as_text().unwrap().to_owned()).collect();
        assert_eq!(texts, ["reply", "tried", "fed", "sent", "", "elsewhere"]);
        serving.join().unwrap().unwrap();
        assert!(client.closed().unwrap().clean);
    });
}

#[test]
fn senders_do_not_wait_for_a_visitor() {
    bounded(|| {
        let (mut client, server) = pair(&quiet());
        let (mut sender, mut receiver) = server.split();
        thread::scope(|scope| {
            let (tell, told) = std::sync::mpsc::channel::<()>();
            scope.spawn(move || {
                receiver.for_each_borrowed(|_, _| {
                    // Until the sender has been served.
                    told.recv_timeout(Duration::from_secs(60)).unwrap();
                    ControlFlow::Break(())
                })
            });
            client.send("hello").unwrap();
            thread::sleep(Duration::from_millis(50));
            sender.send("while you look").unwrap();
            assert_eq!(client.recv().unwrap(), Some("while you look".into()));
            tell.send(()).unwrap();
        });
    });
}
