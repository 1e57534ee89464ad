//! A file of subjects whose tokens do not count any more.
//!
//! The time is what each question says it is.

mod changes;
mod lines;
mod reads;

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use tempfile::TempDir;
use usher_auth_jwt::{DeniedSubjectsError, DeniedSubjectsFile};
use usher_domain::{ports::DeniedSubjects as _, principal::Principal, time::Timestamp};

use crate::support::ISSUER;

/// A change is in force after so long, whatever happens.
const IN_FORCE: Duration = Duration::from_secs(5);
/// A list that is older is read again before anybody is let in by it.
const TOO_OLD: Duration = Duration::from_secs(4);
/// A list that is older is read again by the way.
const OLD: Duration = Duration::from_secs(2);
const LARGEST: usize = 8 * 1024 * 1024;

/// A test that waits so long for what happens beside it has failed.
const PATIENCE: Duration = Duration::from_secs(20);

/// Waits for what happens beside the test.
async fn until(mut done: impl AsyncFnMut() -> bool) {
    let waiting = async {
        while !done().await {
            tokio::task::yield_now().await;
        }
    };
    let waited = tokio::time::timeout(PATIENCE, waiting).await;
    assert!(waited.is_ok(), "it never happened");
}

/// A file in a directory of its own.
struct Scene {
    directory: TempDir,
}

impl Scene {
    fn new(text: impl AsRef<[u8]>) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let scene = Self { directory };
        scene.write(text);
        scene
    }

    fn path(&self) -> PathBuf {
        self.directory.path().join("denied.txt")
    }

    /// Replaces the file, as the manual says: by renaming another.
    fn write(&self, text: impl AsRef<[u8]>) {
        let new = self.directory.path().join("new");
        std::fs::write(&new, text).expect("a file");
        std::fs::rename(new, self.path()).expect("the new file");
    }

    fn remove(&self) {
        std::fs::remove_file(self.path()).expect("no file");
    }

    fn open(&self) -> DeniedSubjectsFile {
        open(&self.path()).expect("a list")
    }
}

fn open(path: &Path) -> Result<DeniedSubjectsFile, DeniedSubjectsError> {
    DeniedSubjectsFile::open(path)
}

async fn denies(list: &DeniedSubjectsFile, id: &str, at: Timestamp) -> bool {
    list.denies(&Principal::new(id, ISSUER), at).await
}
