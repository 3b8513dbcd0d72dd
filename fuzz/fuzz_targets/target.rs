//! Any text is a target or an error: a URL can come from the network, by `Location`. What a target has fits into a request.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ws_common::Target;

fuzz_target!(|url: &str| {
    let Ok(target) = url.parse::<Target>() else { return };
    target.request().unwrap();
    assert!(target.port() > 0);
    assert!(target.path_and_query().starts_with('/'));
    let fits = |text: &str| text.bytes().all(|byte| byte.is_ascii_graphic());
    assert!(fits(target.path_and_query()) && fits(&target.host_field()), "{target}");
    // What is shown has no credentials, and leads to the same place.
    let again: Target = target.reveal().to_string().parse().unwrap();
    assert_eq!(again.reveal().to_string(), target.reveal().to_string());
    assert_eq!(
        (again.is_secure(), again.host(), again.port(), again.path_and_query()),
        (target.is_secure(), target.host(), target.port(), target.path_and_query())
    );
});
