//! Every case of an Autobahn fuzzing server.

use ws_common::ConnectOptions;
use ws_core::Config;

use crate::Runtime;
use crate::report::Report;

/// Runs all cases against the server at `url` and has it write its reports for `agent`. How each went is in those.
pub(crate) fn run(runtime: Runtime, url: &str, agent: &str, config: &Config) -> Result<bool, String> {
    let url = url.trim_end_matches('/');
    let connect = |target: String| {
        let mut report = Report::default();
        let options = ConnectOptions::new(target).config(config.clone());
        (runtime.connect)(options, &mut report);
        Ok::<_, String>(report)
    };
    let report = connect(format!("{url}/getCaseCount"))?;
    let count: u32 = report
        .last_text()
        .and_then(|text| text.parse().ok())
        .ok_or_else(|| format!("{url} is no fuzzing server: {}", report.last_error()))?;
    for case in 1..=count {
        connect(format!("{url}/runCase?case={case}&agent={agent}"))?;
    }
    connect(format!("{url}/updateReports?agent={agent}"))?;
    println!("{count} cases done");
    Ok(true)
}
