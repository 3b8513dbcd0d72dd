//! The same program under an allocator that counts.

use std::process::ExitCode;

use peak_alloc::PeakAlloc;

#[global_allocator]
static HEAP: PeakAlloc = PeakAlloc;

fn main() -> ExitCode {
    ws_bench::main(Some(|| HEAP.current_usage()))
}
