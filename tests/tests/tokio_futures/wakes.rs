//! One half wakes the other when it can go on, and only then. Each future is polled by hand, with a waker that counts.

use std::ops::ControlFlow;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use futures_util::{Sink, Stream};
use suite::wire::{BINARY, CLOSE, FIN, PING, frame};
use ws_core::{MessageRef, Role, StreamError};
use ws_tokio::{CloseCode, Config, Message, MessageKind, Receiver, SendError, Sender};

use crate::transport::Transport;

/// A task that counts how often it is woken.
#[derive(Default)]
struct Task(AtomicUsize);

impl Wake for Task {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// A task, its waker and a way to poll from it.
struct Waiter {
    task: Arc<Task>,
    waker: Waker,
}

impl Waiter {
    fn new() -> Self {
        let task = Arc::new(Task::default());
        Self { waker: task.clone().into(), task }
    }

    fn poll<F: Future + ?Sized>(&self, future: &mut Pin<&mut F>) -> Poll<F::Output> {
        future.as_mut().poll(&mut Context::from_waker(&self.waker))
    }

    fn wakes(&self) -> usize {
        self.task.0.load(Ordering::Relaxed)
    }
}

fn halves(transport: &Transport, config: &Config) -> (Sender<Transport>, Receiver<Transport>) {
    transport.connection(Role::Client, &config.clone().ping_interval(None)).split()
}

fn message(n: usize) -> Vec<u8> {
    frame(FIN | BINARY, false, &vec![7; n])
}

#[tokio::test(start_paused = true)]
async fn try_send_writes_at_once_and_wakes_nobody() {
    let transport = Transport::new();
    let (mut sender, mut receiver) = halves(&transport, &Config::default());
    let receiving = Waiter::new();
    let mut recv = pin!(receiver.recv());
    assert!(receiving.poll(&mut recv).is_pending());
    for n in 1..=5 {
        sender.try_send("now").unwrap();
        assert_eq!((transport.frames().len(), receiving.wakes()), (n, 0));
    }
    let sending = Waiter::new();
    for n in 6..=10 {
        assert!(sending.poll(&mut pin!(sender.send("now"))).is_ready());
        assert_eq!((transport.frames().len(), receiving.wakes()), (n, 0));
    }
}

#[tokio::test(start_paused = true)]
async fn what_try_send_could_not_write_leaves_with_the_receiver() {
    let transport = Transport::new();
    let (mut sender, mut receiver) = halves(&transport, &Config::default());
    transport.take_only(10);
    let receiving = Waiter::new();
    let mut recv = pin!(receiver.recv());
    assert!(receiving.poll(&mut recv).is_pending());
    sender.try_send(vec![1; 100]).unwrap();
    assert_eq!(receiving.wakes(), 1, "there is a deadline to keep");
    assert!(receiving.poll(&mut recv).is_pending());
    transport.take_only(1000);
    assert_eq!(receiving.wakes(), 2);
    assert!(receiving.poll(&mut recv).is_pending());
    assert_eq!(transport.frames().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn many_feeds_give_one_wake_up_and_one_write() {
    let transport = Transport::new();
    let (mut sender, mut receiver) = halves(&transport, &Config::default());
    let receiving = Waiter::new();
    let sending = Waiter::new();
    let mut recv = pin!(receiver.recv());
    assert!(receiving.poll(&mut recv).is_pending());
    for round in 1..=3 {
        for _ in 0..64 {
            assert!(sending.poll(&mut pin!(sender.feed("fed"))).is_ready());
        }
        assert_eq!((receiving.wakes(), transport.state().writes), (round, round - 1));
        assert!(receiving.poll(&mut recv).is_pending());
        assert_eq!((receiving.wakes(), transport.state().writes), (round, round));
        assert_eq!(transport.frames().len(), 64 * round);
    }
}

#[tokio::test(start_paused = true)]
async fn parts_of_a_streamed_message_give_one_wake_up_and_one_write() {
    let transport = Transport::new();
    let (mut sender, mut receiver) = halves(&transport, &Config::default());
    let receiving = Waiter::new();
    let sending = Waiter::new();
    let mut recv = pin!(receiver.recv());
    assert!(receiving.poll(&mut recv).is_pending());
    let mut writer = sender.send_stream(MessageKind::Binary).unwrap();
    for _ in 0..64 {
        assert!(sending.poll(&mut pin!(writer.write("part"))).is_ready());
    }
    assert_eq!((receiving.wakes(), transport.state().writes), (1, 0));
    assert!(receiving.poll(&mut recv).is_pending());
    assert_eq!((receiving.wakes(), transport.state().writes), (1, 1));
    assert!(sending.poll(&mut pin!(writer.finish())).is_ready());
}

#[tokio::test(start_paused = true)]
async fn messages_of_a_sink_leave_with_the_receiver() {
    let transport = Transport::new();
    let (mut sender, mut receiver) = halves(&transport, &Config::default());
    let receiving = Waiter::new();
    let mut recv = pin!(receiver.recv());
    assert!(receiving.poll(&mut recv).is_pending());
    let mut sink = Pin::new(&mut sender);
    for _ in 0..64 {
        let mut cx = Context::from_waker(Waker::noop());
        assert!(matches!(sink.as_mut().poll_ready(&mut cx), Poll::Ready(Ok(()))));
        sink.as_mut().start_send(Message::from("fed")).unwrap();
    }
    assert_eq!((receiving.wakes(), transport.state().writes), (1, 0));
    assert!(receiving.poll(&mut recv).is_pending());
    assert_eq!(transport.state().writes, 1);
}

/// Room that a partial write leaves is seen in the poll that wrote, by every operation that waits for it.
#[tokio::test(start_paused = true)]
async fn room_after_a_partial_write_is_seen_at_once() {
    let full = || {
        let transport = Transport::new();
        let mut socket =
            transport.connection(Role::Server, &Config::default().ping_interval(None).max_send_buffer(1000));
        transport.take_only(0);
        let sending = Waiter::new();
        assert!(sending.poll(&mut pin!(socket.feed(vec![0; 1500]))).is_ready());
        assert!(sending.poll(&mut pin!(socket.ready())).is_pending());
        transport.take_only(1000);
        (socket, sending)
    };
    let (mut socket, task) = full();
    assert_eq!(task.poll(&mut pin!(socket.ready())), Poll::Ready(Ok(())));
    let (mut socket, task) = full();
    assert_eq!(task.poll(&mut pin!(socket.feed("fed"))), Poll::Ready(Ok(())));
    let (mut socket, task) = full();
    let mut sink = Pin::new(&mut socket);
    assert!(matches!(sink.as_mut().poll_ready(&mut Context::from_waker(&task.waker)), Poll::Ready(Ok(()))));
    let (mut socket, task) = full();
    let mut writer = socket.send_stream(MessageKind::Text).unwrap();
    assert_eq!(task.poll(&mut pin!(writer.write("part"))), Poll::Ready(Ok(())));
    drop(writer);
    // Those that flush as well have queued theirs, and wait for the rest to leave.
    let (mut socket, task) = full();
    assert!(task.poll(&mut pin!(socket.send("sent"))).is_pending());
    assert!(task.poll(&mut pin!(socket.ping("ping"))).is_pending());
    let closed = socket.close(CloseCode::NORMAL);
    let mut closing = pin!(closed);
    assert!(task.poll(&mut closing).is_pending());
}

#[tokio::test(start_paused = true)]
async fn room_that_the_other_half_makes_wakes_the_waiting_sender() {
    let transport = Transport::new();
    let (mut sender, mut receiver) = halves(&transport, &Config::default().max_send_buffer(1000));
    transport.take_only(0);
    let (sending, receiving) = (Waiter::new(), Waiter::new());
    assert!(sending.poll(&mut pin!(sender.feed(vec![0; 1500]))).is_ready());
    let mut ready = pin!(sender.ready());
    let mut recv = pin!(receiver.recv());
    assert!(sending.poll(&mut ready).is_pending());
    assert!(receiving.poll(&mut recv).is_pending());
    transport.take_only(1000);
    // Only one of them is needed to write, and the receiver is the one.
    assert_eq!((receiving.wakes(), sending.wakes()), (1, 0));
    assert!(receiving.poll(&mut recv).is_pending());
    assert_eq!(sending.wakes(), 1);
    assert_eq!(sending.poll(&mut ready), Poll::Ready(Ok(())));
}

#[tokio::test(start_paused = true)]
async fn room_in_the_read_ahead_wakes_the_sender_that_stood_still_for_it() {
    let transport = Transport::new();
    let config = Config::default().max_send_buffer(100).max_read_ahead(150);
    let (mut sender, mut receiver) = halves(&transport, &config);
    transport.take_only(0);
    for _ in 0..4 {
        transport.give(message(200));
    }
    transport.give(frame(FIN | CLOSE, false, &1000_u16.to_be_bytes()));
    let (sending, receiving) = (Waiter::new(), Waiter::new());
    assert!(sending.poll(&mut pin!(sender.feed(vec![0; 150]))).is_ready());
    let mut ready = pin!(sender.ready());
    assert!(sending.poll(&mut ready).is_pending());
    let mut taken = 0;
    // The sender reads on whenever the receiver has taken something.
    loop {
        let before = sending.wakes();
        let received = receiving.poll(&mut pin!(receiver.recv()));
        assert_eq!(sending.wakes(), before + 1, "after {taken} messages");
        match received {
            Poll::Ready(Ok(Some(_))) => taken += 1,
            // With the Close frame, which the receiver has taken now, the connection is closed for the sender, too.
            other => {
                assert!(other.is_pending() && taken == 4, "{other:?} after {taken} messages");
                break;
            }
        }
        assert!(sending.poll(&mut ready).is_pending(), "replies are accepted");
    }
    assert_eq!(sending.poll(&mut ready), Poll::Ready(Err(SendError::Closed(None))));
}

#[tokio::test(start_paused = true)]
async fn a_half_that_reads_wakes_the_other_for_what_came() {
    let transport = Transport::new();
    let (mut sender, mut receiver) = halves(&transport, &Config::default().max_send_buffer(10));
    transport.take_only(0);
    let (sending, receiving) = (Waiter::new(), Waiter::new());
    assert!(sending.poll(&mut pin!(sender.feed(vec![0; 100]))).is_ready());
    let mut recv = pin!(receiver.recv());
    assert!(receiving.poll(&mut recv).is_pending());
    let mut ready = pin!(sender.ready());
    assert!(sending.poll(&mut ready).is_pending());
    transport.give(message(3));
    assert_eq!((receiving.wakes(), sending.wakes()), (1, 0));
    // The sender happens to run first, and reads it.
    assert!(sending.poll(&mut ready).is_pending());
    assert!(receiving.poll(&mut recv).is_ready());
}

/// A task that was woken to drive and gives up passes that on.
#[tokio::test(start_paused = true)]
async fn a_woken_half_that_gives_up_lets_the_other_drive() {
    let transport = Transport::new();
    let (mut sender, mut receiver) = halves(&transport, &Config::default().max_send_buffer(10));
    transport.take_only(0);
    let (sending, receiving) = (Waiter::new(), Waiter::new());
    assert!(sending.poll(&mut pin!(sender.feed(vec![0; 100]))).is_ready());
    let mut ready = pin!(sender.ready());
    {
        let mut recv = pin!(receiver.recv());
        assert!(receiving.poll(&mut recv).is_pending());
        assert!(sending.poll(&mut ready).is_pending());
        transport.take_only(1000);
        assert_eq!((receiving.wakes(), sending.wakes()), (1, 0));
    }
    assert_eq!(sending.wakes(), 1);
    assert!(sending.poll(&mut ready).is_ready());
}

/// A `Stream` does not say that nobody polls it any more.
#[tokio::test(start_paused = true)]
async fn a_stream_that_is_left_alone_does_not_swallow_the_wake_up() {
    let transport = Transport::new();
    let (mut sender, mut receiver) = halves(&transport, &Config::default().max_send_buffer(10));
    transport.take_only(0);
    let (sending, receiving) = (Waiter::new(), Waiter::new());
    assert!(sending.poll(&mut pin!(sender.feed(vec![0; 100]))).is_ready());
    let mut stream = Pin::new(&mut receiver);
    assert!(stream.as_mut().poll_next(&mut Context::from_waker(&receiving.waker)).is_pending());
    let mut ready = pin!(sender.ready());
    assert!(sending.poll(&mut ready).is_pending());
    transport.take_only(1000);
    assert_eq!((receiving.wakes(), sending.wakes()), (1, 1));
}

/// Who takes a message does not wake the half that waits for something else; nor is it forgotten.
#[tokio::test(start_paused = true)]
async fn a_received_message_wakes_no_sender_that_waits_for_room() {
    let transport = Transport::new();
    let (mut sender, mut receiver) = halves(&transport, &Config::default().max_send_buffer(10));
    transport.take_only(0);
    let (sending, receiving) = (Waiter::new(), Waiter::new());
    assert!(sending.poll(&mut pin!(sender.feed(vec![0; 100]))).is_ready());
    let mut ready = pin!(sender.ready());
    assert!(sending.poll(&mut ready).is_pending());
    for _ in 0..10 {
        let mut recv = pin!(receiver.recv());
        assert!(receiving.poll(&mut recv).is_pending());
        transport.give(message(3));
        assert!(receiving.poll(&mut recv).is_ready());
    }
    assert_eq!((receiving.wakes(), sending.wakes()), (10, 0));
    // The receiver is gone for now: the sender reads, and answers.
    transport.give(frame(FIN | PING, false, b"there?"));
    assert_eq!(sending.wakes(), 1);
    assert!(sending.poll(&mut ready).is_pending());
    transport.take_only(1000);
    assert!(sending.poll(&mut ready).is_ready());
    assert_eq!(transport.frames().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_visitor_of_a_half_may_use_the_other_and_never_waits_for_room() {
    let transport = Transport::new();
    let (mut sender, mut receiver) = halves(&transport, &Config::default().max_send_buffer(10));
    transport.take_only(0);
    for _ in 0..4 {
        transport.give(message(3));
    }
    let mut answers = Vec::new();
    let task = Waiter::new();
    {
        let mut borrowing = pin!(receiver.for_each_borrowed(|_, reply| {
            answers.push((reply.send(MessageRef::Binary(&[1; 20])), sender.try_send("by itself").is_ok()));
            ControlFlow::Continue(())
        }));
        assert!(task.poll(&mut borrowing).is_pending());
    }
    assert_eq!(answers[0], (Ok(()), false));
    assert_eq!(answers[1..], [(Err(StreamError::Full(10)), false); 3]);
}

#[tokio::test(start_paused = true)]
async fn a_visitor_that_panics_leaves_the_connection_usable() {
    let transport = Transport::new();
    let (mut sender, mut receiver) = halves(&transport, &Config::default());
    transport.give(message(3));
    transport.give(message(4));
    let borrowing = tokio::spawn(async move {
        let borrowing = std::panic::AssertUnwindSafe(receiver.for_each_borrowed(|_, _| panic!("on purpose")));
        let panicked = futures_util::FutureExt::catch_unwind(borrowing).await.is_err();
        (panicked, receiver)
    });
    let (panicked, mut receiver) = borrowing.await.unwrap();
    assert!(panicked);
    assert_eq!(receiver.recv().await.unwrap(), Some(vec![7; 4].into()));
    sender.send("still there").await.unwrap();
    assert_eq!(transport.frames().len(), 1);
}
