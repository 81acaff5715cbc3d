//! The house of `lib.rs` as a rule: a room imports only from lower floors, and rooms on one floor do not know each other.
#![expect(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "a check of the sources, which are there")]

use std::fs;
use std::path::{Path, PathBuf};

/// Each room, a folder or a single file, and its floor.
const FLOORS: [(&str, u8); 16] = [
    ("error", 1),
    ("element", 1),
    ("simd", 1),
    ("memory", 2),
    ("parallel", 2),
    ("morton", 2),
    ("samples", 3),
    ("covariance", 3),
    ("spatial", 3),
    ("mixture", 4),
    ("colors", 4),
    ("dither", 4),
    ("kernels", 5),
    ("kmeans", 6),
    ("em", 7),
    ("regions", 8),
];

fn floor(room: &str) -> u8 {
    FLOORS.iter().find(|(name, _)| *name == room).unwrap_or_else(|| panic!("room {room} has no floor")).1
}

/// Files below the folder, each with its path from there and its code without comments.
fn files(root: &Path, folder: &Path) -> Vec<(PathBuf, String)> {
    let entries = fs::read_dir(folder).expect("the sources").map(|entry| entry.unwrap().path());
    entries.fold(Vec::new(), |mut found, path| {
        if path.is_dir() {
            found.extend(files(root, &path));
        } else if path.file_name().is_some_and(|name| name != "lib.rs") {
            let text = fs::read_to_string(&path).unwrap();
            let code = text.lines().map(|line| line.split("//").next().unwrap_or_default()).collect::<Vec<_>>();
            found.push((path.strip_prefix(root).unwrap().to_owned(), code.join("\n")));
        }
        found
    })
}

fn sources() -> Vec<(PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    files(&root, &root)
}

#[test]
fn rooms_import_from_lower_floors_only() {
    for (path, code) in sources() {
        let room = path.iter().next().and_then(|name| Path::new(name).file_stem()).unwrap().to_str().unwrap();
        let here = floor(room);
        for import in code.split("crate::").skip(1) {
            let other = import.split(|letter: char| !letter.is_alphanumeric() && letter != '_').next().unwrap();
            assert!(!other.is_empty(), "{}: name one room in each import", path.display());
            assert!(other == room || floor(other) < here, "{}: {room} imports {other}", path.display());
        }
        // No way around through the crate's root.
        let inside = if path.ends_with("mod.rs") { path.iter().count() - 2 } else { path.iter().count() - 1 };
        for line in code.lines().filter(|line| line.trim_start().contains("use super::")) {
            let most = inside + usize::from(line.starts_with(' '));
            assert!(line.matches("super::").count() <= most, "{}: {line}", path.display());
        }
    }
}

#[test]
fn cpu_levels_are_chosen_in_one_place() {
    for (path, code) in sources().iter().filter(|(path, _)| !path.starts_with("simd")) {
        assert!(!code.contains("Level::new"), "{} chooses a CPU level: ask crate::simd", path.display());
    }
}
