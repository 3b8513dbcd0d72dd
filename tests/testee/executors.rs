//! The executors of the asynchronous runtimes.

use std::io;

use crate::asynchronous::Executor;

pub(crate) struct Tokio;

impl Executor for Tokio {
    type Runtime = ws_tokio::Tokio;

    fn block_on<F: Future>(future: F) -> io::Result<F::Output> {
        Ok(tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(future))
    }

    fn spawn(future: impl Future<Output = ()> + Send + 'static) {
        tokio::spawn(future);
    }
}

pub(crate) struct AsyncStd;

impl Executor for AsyncStd {
    type Runtime = ws_async_std::AsyncIo;

    fn block_on<F: Future>(future: F) -> io::Result<F::Output> {
        Ok(async_std::task::block_on(future))
    }

    fn spawn(future: impl Future<Output = ()> + Send + 'static) {
        async_std::task::spawn(future);
    }
}

pub(crate) struct Smol;

impl Executor for Smol {
    type Runtime = ws_async_std::AsyncIo;

    fn block_on<F: Future>(future: F) -> io::Result<F::Output> {
        Ok(smol::block_on(future))
    }

    fn spawn(future: impl Future<Output = ()> + Send + 'static) {
        smol::spawn(future).detach();
    }
}
