//! Proxies of the environment, which can be set for a child process only.

use std::process::Command;

use ws_common::ConnectOptions;
use ws_common::connector::{Connector, ConnectorStep};

use crate::core::NOW;
use crate::planted::{PROXY_PASSWORD, PROXY_USER, found};

/// Tells the child that it is one.
const CHILD: &str = "SECRETS_CHILD";

#[test]
fn a_proxy_of_the_environment_is_shown_without_user_and_password() {
    if std::env::var_os(CHILD).is_some() {
        return show();
    }
    for url in [
        format!("http://{PROXY_USER}:{PROXY_PASSWORD}@192.0.2.7"),
        format!("http://{PROXY_USER}:{PROXY_PASSWORD}@192.0.2.7:99999"),
        format!("{PROXY_USER}:{PROXY_PASSWORD}"),
        format!("{PROXY_PASSWORD}://proxy.test"),
    ] {
        let mut child = Command::new(std::env::current_exe().unwrap());
        let name = "environment::a_proxy_of_the_environment_is_shown_without_user_and_password";
        child.args(["--exact", name, "--nocapture"]).env(CHILD, "1").env_remove("REQUEST_METHOD");
        child.env("http_proxy", url).env_remove("no_proxy").env_remove("NO_PROXY");
        let output = child.output().unwrap();
        let output = String::from_utf8_lossy(&output.stdout);
        assert!(output.contains("told: "), "{output}");
        assert!(found(&output).is_empty(), "{output}");
    }
}

fn show() {
    let options = ConnectOptions::new("ws://server.test/").proxy_from_environment().build().unwrap();
    let mut connector = Connector::<()>::new(&options, NOW);
    println!("told: {options:?} {connector:?}");
    let step = connector.poll(NOW);
    println!("{step:?} {connector:?}");
    if let ConnectorStep::Done(Err(error)) = step {
        println!("{error} {error:?}");
    }
}
