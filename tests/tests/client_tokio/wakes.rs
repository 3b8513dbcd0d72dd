//! A thousand tasks that wait with handles of one client: each is polled when it can go on, and hardly else.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use suite::watch::bounded;
use suite::witness::{Manner, Witness};
use tokio::task::JoinSet;
use ws_tokio::{Client, ClientEvent, CloseCode, Handle};

const TASKS: usize = 1000;

/// Longer than anything here takes: no deadline adds a wake-up.
const FAR: Duration = Duration::from_secs(600);

/// Tasks, and how often they were polled in all.
struct Crowd {
    tasks: JoinSet<()>,
    polls: Arc<AtomicUsize>,
}

impl Crowd {
    /// Starts the tasks, and lets each be polled once.
    async fn start<F: Future<Output = ()> + Send + 'static>(
        client: &Client,
        task: impl Fn(Handle) -> F,
    ) -> Self {
        let polls = Arc::new(AtomicUsize::new(0));
        let mut tasks = JoinSet::new();
        for _ in 0..TASKS {
            let (polls, future) = (polls.clone(), task(client.handle()));
            tasks.spawn(async move {
                let mut future = pin!(future);
                poll_fn(|cx| {
                    polls.fetch_add(1, Ordering::Relaxed);
                    future.as_mut().poll(cx)
                })
                .await;
            });
        }
        let crowd = Self { tasks, polls };
        while crowd.polls() < TASKS {
            tokio::task::yield_now().await;
        }
        crowd
    }

    fn polls(&self) -> usize {
        self.polls.load(Ordering::Relaxed)
    }

    /// Waits for the end of all tasks, while the client is driven.
    async fn end(&mut self, client: &mut Client) {
        loop {
            tokio::select! {
                ended = self.tasks.join_next() => match ended {
                    Some(ended) => ended.unwrap(),
                    None => return,
                },
                Some(_) = client.next_event() => {}
            }
        }
    }
}

fn run(scenario: impl Future<Output = ()>) {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    // No socket is looked at before all tasks have begun to wait.
    builder.enable_all().event_interval(100 * TASKS as u32);
    builder.build().unwrap().block_on(scenario);
}

fn client(witness: &Witness, max_send_buffer: usize) -> Client {
    Client::builder(format!("ws://{}/", witness.address()))
        .ping_interval(None)
        .open_timeout(FAR)
        .confirm_timeout(FAR)
        .max_send_buffer(max_send_buffer)
        .build()
        .unwrap()
}

async fn open(client: &mut Client) {
    while !matches!(client.next_event().await, Some(ClientEvent::Open(_))) {}
}

#[test]
fn tasks_that_wait_for_proof_sleep_while_messages_come() {
    bounded(|| {
        run(async {
            let witness = Witness::new(Manner { echoes: true, pongs: false, ..Manner::default() });
            let mut client = client(&witness, 1 << 20);
            open(&mut client).await;
            let mut crowd = Crowd::start(&client, async |handle: Handle| {
                handle.send("waits for its proof").await.unwrap();
                handle.confirm().await.unwrap_err();
            })
            .await;
            let before = crowd.polls();
            let mut received = 0;
            while received < 2 * TASKS {
                if received < TASKS {
                    client.try_send("is sent back").unwrap();
                }
                if let Some(ClientEvent::Message(_)) = client.next_event().await {
                    received += 1;
                }
            }
            let polls = crowd.polls() - before;
            assert!(polls <= TASKS / 10, "{polls} polls for {received} messages");
            client.abort();
            crowd.end(&mut client).await;
            let polls = crowd.polls() - before;
            assert!(polls <= TASKS + TASKS / 5, "{polls} polls to the end");
        });
    });
}

#[test]
fn tasks_that_wait_for_room_take_turns() {
    bounded(|| {
        run(async {
            let witness = Witness::new(Manner::default());
            // There is room for two messages.
            let mut client = client(&witness, 1000);
            let mut crowd =
                Crowd::start(&client, async |handle: Handle| handle.send("-".repeat(600)).await.unwrap())
                    .await;
            let before = crowd.polls();
            crowd.end(&mut client).await;
            let polls = crowd.polls() - before;
            assert!(polls <= TASKS + TASKS / 5, "{polls} polls for {TASKS} messages");
            client.flush().await.unwrap();
            assert_eq!(client.stats().messages_sent, TASKS as u64);
        });
    });
}

#[test]
fn tasks_that_wait_for_a_flush_are_woken_by_the_last_byte() {
    bounded(|| {
        run(async {
            let witness = Witness::new(Manner::default());
            let mut client = client(&witness, 1 << 20);
            let mut crowd = Crowd::start(&client, async |handle: Handle| {
                handle.try_send("-".repeat(600)).unwrap();
                handle.flush().await.unwrap();
            })
            .await;
            let before = crowd.polls();
            crowd.end(&mut client).await;
            let polls = crowd.polls() - before;
            assert!(polls <= TASKS + TASKS / 5, "{polls} polls for {TASKS} tasks");
        });
    });
}

#[test]
fn tasks_that_wait_for_proof_are_woken_by_proofs() {
    bounded(|| {
        run(async {
            let witness = Witness::new(Manner::default());
            let mut client = client(&witness, 1 << 20);
            open(&mut client).await;
            let mut crowd = Crowd::start(&client, async |handle: Handle| {
                handle.send("is proven").await.unwrap();
                handle.confirm().await.unwrap();
            })
            .await;
            let before = crowd.polls();
            crowd.end(&mut client).await;
            let polls = crowd.polls() - before;
            assert!(polls <= 2 * TASKS + TASKS / 5, "{polls} polls for {TASKS} proofs");
        });
    });
}

#[test]
fn tasks_that_wait_for_the_end_are_woken_by_it() {
    bounded(|| {
        run(async {
            let witness = Witness::new(Manner::default());
            let mut client = client(&witness, 1 << 20);
            open(&mut client).await;
            let mut crowd =
                Crowd::start(&client, async |handle: Handle| handle.close(CloseCode::NORMAL).await).await;
            let before = crowd.polls();
            crowd.end(&mut client).await;
            let polls = crowd.polls() - before;
            assert!(polls <= TASKS + TASKS / 5, "{polls} polls for {TASKS} tasks");
        });
    });
}
