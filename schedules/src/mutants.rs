//! The rules of the shared code that can be broken on purpose.

use std::fs;
use std::path::Path;

/// The crates whose code is under test.
const CRATES: [&str; 3] = ["ws-common", "ws-async-core", "ws-blocking"];

/// The names of all mutants, in the order of their places in the source.
pub fn all() -> Vec<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the crate is in a workspace");
    let mut names = Vec::new();
    for name in CRATES {
        collect(&root.join(name).join("src"), &mut names);
    }
    names
}

fn collect(folder: &Path, names: &mut Vec<String>) {
    let entries = fs::read_dir(folder).expect("the sources are there");
    let mut paths: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
    paths.sort();
    for path in paths {
        if path.is_dir() {
            collect(&path, names);
        } else if let Ok(text) = fs::read_to_string(&path) {
            let found = text.split("mutant(\"").skip(1).filter_map(|rest| rest.split('"').next());
            for name in found {
                if !names.iter().any(|known| known == name) {
                    names.push(name.to_owned());
                }
            }
        }
    }
}
