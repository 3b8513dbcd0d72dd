//! What `NO_PROXY` exempts.

use proptest::prelude::*;
use ws_common::{Target, proxy::Proxy};

fn is_exempt(target: &str, list: &str) -> bool {
    let target: Target = target.parse().unwrap();
    let lookup = |name: &str| match name {
        "ALL_PROXY" => Some("http://proxy.example".to_owned()),
        "NO_PROXY" => Some(list.to_owned()),
        _ => None,
    };
    Proxy::from_environment(&target, lookup).unwrap().is_none()
}

#[test]
fn an_entry_stands_for_hosts_domains_addresses_ranges_and_ports() {
    // Entry, what it exempts, what not.
    let cases: [(&str, &[&str], &[&str]); 32] = [
        ("*", &["ws://a", "wss://192.0.2.1", "ws://[::1]"], &[]),
        (
            "example.com",
            &["ws://example.com", "wss://a.b.example.com:99"],
            &["ws://notexample.com", "ws://com"],
        ),
        (
            ".example.com",
            &["ws://example.com", "ws://a.example.com"],
            &["ws://notexample.com", "ws://example.org"],
        ),
        ("*.example.com", &["ws://example.com", "ws://a.example.com"], &["ws://notexample.com"]),
        ("EXAMPLE.com.", &["ws://example.com", "ws://example.com."], &["ws://example.com.org"]),
        ("b\u{fc}cher.example", &["ws://xn--bcher-kva.example", "ws://b\u{fc}cher.example"], &[]),
        ("localhost", &["ws://localhost", "ws://LOCALHOST:1"], &["ws://127.0.0.1", "ws://[::1]"]),
        ("com", &["ws://example.com"], &["ws://example.org"]),
        ("example.com:8443", &["ws://a.example.com:8443"], &["ws://example.com", "wss://example.com"]),
        ("example.com:443", &["wss://example.com"], &["ws://example.com"]),
        (".example.com:80", &["ws://example.com"], &["wss://example.com"]),
        ("*:8080", &["ws://a:8080", "ws://[::1]:8080"], &["ws://a"]),
        (
            "192.0.2.1",
            &["ws://192.0.2.1", "wss://192.0.2.1:99"],
            &["ws://192.0.2.11", "ws://192.0.2.1.example"],
        ),
        ("192.0.2.1", &["ws://[::ffff:192.0.2.1]"], &["ws://[::192.0.2.1]"]),
        ("::ffff:192.0.2.1", &["ws://192.0.2.1"], &["ws://192.0.2.2"]),
        ("192.0.2.1:80", &["ws://192.0.2.1"], &["wss://192.0.2.1", "ws://192.0.2.2"]),
        ("2001:db8::1", &["ws://[2001:db8::1]"], &["ws://[2001:db8::2]"]),
        ("[2001:db8::1]", &["ws://[2001:DB8:0::1]:9"], &["ws://[2001:db8::2]"]),
        ("[2001:db8::1]:80", &["ws://[2001:db8::1]"], &["wss://[2001:db8::1]"]),
        ("10.0.0.0/8", &["ws://10.255.0.1"], &["ws://11.0.0.0", "ws://10.example", "ws://[a00::]"]),
        ("10.1.2.3/8", &["ws://10.255.0.1"], &["ws://11.0.0.0"]),
        (
            "192.0.2.128/25",
            &["ws://192.0.2.128", "ws://192.0.2.255"],
            &["ws://192.0.2.127", "ws://192.0.3.128"],
        ),
        ("192.0.2.1/32", &["ws://192.0.2.1"], &["ws://192.0.2.0"]),
        ("1.2.3.4/0", &["ws://192.0.2.1"], &["ws://[::1]", "ws://a"]),
        ("2001:db8::/33", &["ws://[2001:db8:7fff::1]"], &["ws://[2001:db8:8000::1]"]),
        ("[2001:db8::]/32", &["ws://[2001:db8:7fff::1]"], &["ws://[2001:db9::1]"]),
        ("::/0", &["ws://[2001:db8::1]"], &["ws://192.0.2.1"]),
        ("a, b\tc,,d ", &["ws://a", "ws://b", "ws://c", "ws://d"], &["ws://e"]),
        ("10.0.0.0/8:80 10.0.0.0/33 10.0.0.0/ /8 10.0.0.0/x ::/129", &[], &["ws://10.0.0.1", "ws://[::1]"]),
        (
            " ,, . *. .. : :80 a:b a:99999 192.0.2.1: [::1 ::1] [192.0.2.1]",
            &[],
            &["ws://a", "ws://192.0.2.1"],
        ),
        ("192.0.2.* 192.0.2 *example.com", &[], &["ws://192.0.2.1", "ws://example.com"]),
        ("", &[], &["ws://a"]),
    ];
    for (list, exempt, proxied) in cases {
        for target in exempt {
            assert!(is_exempt(target, list), "{target} is exempt by {list:?}");
        }
        for target in proxied {
            assert!(!is_exempt(target, list), "{target} is not exempt by {list:?}");
        }
    }
}

proptest! {
    #[test]
    fn no_list_makes_it_panic(list in ".{0,60}") {
        for target in ["ws://a.example", "wss://192.0.2.1:9", "ws://[2001:db8::1]"] {
            is_exempt(target, &list);
        }
    }

    #[test]
    fn a_range_is_what_its_first_bits_say(one: u32, other: u32, bits in 0..=32_u32) {
        let mask = u32::MAX.checked_shl(32 - bits).unwrap_or(0);
        let target = std::net::Ipv4Addr::from_bits(if other == 0 { 1 } else { other });
        let list = format!("{}/{bits}", std::net::Ipv4Addr::from_bits(one));
        prop_assert_eq!(is_exempt(&format!("ws://{target}"), &list), (one ^ target.to_bits()) & mask == 0);
    }
}
