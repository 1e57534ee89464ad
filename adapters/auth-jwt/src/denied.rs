use std::{
    collections::HashSet,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use arc_swap::ArcSwap;
use async_trait::async_trait;
use tokio::sync::{Mutex, OwnedMutexGuard};
use usher_domain::{ports::DeniedSubjects, principal::Principal, time::Timestamp};

/// The largest list that is read, in bytes.
const MAX_BYTES: u64 = 8 * 1024 * 1024;
/// A list that was read longer ago is read again by the next request.
const READ_AGAIN: Duration = Duration::from_secs(2);
/// No request goes by a list that was read longer ago.
const IN_FORCE: Duration = Duration::from_secs(4);

/// A file of subjects whose tokens do not count any more: a principal's id on each line.
///
/// Nothing runs in the background: the request that finds the list old has the file read again, and
/// waits only when it is so old that a change might be missed.
#[derive(Debug)]
pub struct DeniedSubjectsFile {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    path: PathBuf,
    current: ArcSwap<List>,
    /// One reader at a time.
    reading: Arc<Mutex<()>>,
}

#[derive(Debug)]
struct List {
    ids: Arc<HashSet<Box<str>>>,
    /// `None`: before the first request.
    read: Option<Timestamp>,
}

/// Why a list cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DeniedSubjectsError {
    /// The file.
    #[error("the file cannot be read: {0}")]
    Io(#[from] std::io::Error),
    /// More than is read.
    #[error("the file is larger than {MAX_BYTES} bytes")]
    TooLarge,
    /// A line that begins as a JSON text and is none.
    #[error("line {0} begins with a quotation mark and is not a JSON text")]
    Line(usize),
}

impl DeniedSubjectsFile {
    /// Reads the file for the first time.
    ///
    /// # Errors
    /// See [`DeniedSubjectsError`].
    pub fn open(path: impl Into<PathBuf>) -> Result<Self, DeniedSubjectsError> {
        let path = path.into();
        let ids = Arc::new(read(&path)?);
        Ok(Self {
            shared: Arc::new(Shared {
                path,
                current: ArcSwap::from_pointee(List { ids, read: None }),
                reading: Arc::default(),
            }),
        })
    }
}

#[async_trait]
impl DeniedSubjects for DeniedSubjectsFile {
    async fn denies(&self, principal: &Principal, now: Timestamp) -> bool {
        let shared = &self.shared;
        if !shared.is_young(now, READ_AGAIN) {
            if shared.is_young(now, IN_FORCE) {
                if let Ok(turn) = Arc::clone(&shared.reading).try_lock_owned() {
                    drop(tokio::spawn(Arc::clone(shared).read_again(turn, now)));
                }
            } else {
                let turn = Arc::clone(&shared.reading).lock_owned().await;
                if !shared.is_young(now, IN_FORCE) {
                    Arc::clone(shared).read_again(turn, now).await;
                }
            }
        }
        shared.current.load().ids.contains(&*principal.id)
    }
}

impl Shared {
    fn is_young(&self, now: Timestamp, at_most: Duration) -> bool {
        let read = self.current.load().read;
        // A clock that was set back must not keep an old list in force.
        read.is_some_and(|read| now.since(read).max(read.since(now)) < at_most)
    }

    /// A file that cannot be read leaves the last list in force: a moment without the file must
    /// neither let everybody in nor keep everybody out.
    async fn read_again(self: Arc<Self>, turn: OwnedMutexGuard<()>, now: Timestamp) {
        let path = self.path.clone();
        let ids = match tokio::task::spawn_blocking(move || read(&path)).await {
            Ok(Ok(ids)) => Arc::new(ids),
            Ok(Err(error)) => {
                let file = self.path.display();
                tracing::error!(%file, %error, "the denied subjects stay as they were");
                Arc::clone(&self.current.load().ids)
            }
            Err(_) => Arc::clone(&self.current.load().ids),
        };
        let read = Some(now);
        self.current.store(Arc::new(List { ids, read }));
        drop(turn);
    }
}

fn read(path: &Path) -> Result<HashSet<Box<str>>, DeniedSubjectsError> {
    use std::io::Read as _;
    let mut text = String::new();
    let file = std::fs::File::open(path)?;
    file.take(MAX_BYTES + 1).read_to_string(&mut text)?;
    if text.len() as u64 > MAX_BYTES {
        return Err(DeniedSubjectsError::TooLarge);
    }
    parse(&text)
}

/// One id a line, without the space around it; empty lines and those that begin with `#` say
/// nothing. An id that would not come out of that is written as a JSON text.
fn parse(text: &str) -> Result<HashSet<Box<str>>, DeniedSubjectsError> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let lines = text.lines().map(str::trim).enumerate();
    lines
        .filter(|(_, line)| !line.is_empty() && !line.starts_with('#'))
        .map(|(index, line)| {
            if line.starts_with('"') {
                serde_json::from_str(line).map_err(|_| DeniedSubjectsError::Line(index + 1))
            } else {
                Ok(line.into())
            }
        })
        .collect()
}
