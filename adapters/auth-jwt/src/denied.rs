use std::{
    collections::HashSet,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use arc_swap::ArcSwap;
use async_trait::async_trait;
use sha2::{Digest as _, Sha256};
use tokio::{
    sync::{Mutex, OwnedMutexGuard},
    time::timeout,
};
use usher_domain::{ports::DeniedSubjects, principal::Principal, time::Timestamp};

/// The largest list that is read, in bytes.
const MAX_BYTES: u64 = 8 * 1024 * 1024;
/// A list that was read longer ago is read again by the next request.
const READ_AGAIN: Duration = Duration::from_secs(2);
/// No request goes by a list that was read longer ago.
const IN_FORCE: Duration = Duration::from_secs(4);
/// For so long a request waits for the file. A network's file system can hang, and must not take
/// everything with it.
const PATIENCE: Duration = Duration::from_millis(500);

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
    /// One reader at a time. It has a task of its own: a client that goes away must not leave a
    /// reader behind for each of its requests.
    reading: Arc<Mutex<()>>,
    /// Whether somebody waited for the reader in vain.
    hangs: AtomicBool,
}

#[derive(Debug)]
struct List {
    ids: Arc<HashSet<Box<str>>>,
    /// The SHA-256 of the file.
    digest: [u8; 32],
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
        let text = read(&path)?;
        Ok(Self {
            shared: Arc::new(Shared {
                path,
                current: ArcSwap::from_pointee(List {
                    ids: Arc::new(parse(&text)?),
                    digest: Sha256::digest(&text).into(),
                    read: None,
                }),
                reading: Arc::default(),
                hangs: AtomicBool::new(false),
            }),
        })
    }
}

#[async_trait]
impl DeniedSubjects for DeniedSubjectsFile {
    async fn denies(&self, principal: &Principal, now: Timestamp) -> bool {
        self.shared.bring_up_to_date(now).await;
        self.shared.current.load().ids.contains(&*principal.id)
    }
}

impl Shared {
    async fn bring_up_to_date(self: &Arc<Self>, now: Timestamp) {
        if self.is_young(now, READ_AGAIN) {
            return;
        }
        if self.is_young(now, IN_FORCE) {
            if let Ok(turn) = Arc::clone(&self.reading).try_lock_owned() {
                drop(tokio::spawn(Arc::clone(self).read_again(turn, now)));
            }
            return;
        }
        // Somebody waited long enough, and the reader that was waited for is still at it.
        if self.hangs.load(Ordering::Relaxed) && self.reading.try_lock().is_err() {
            return;
        }
        let waited = timeout(PATIENCE, async {
            let turn = Arc::clone(&self.reading).lock_owned().await;
            // Whoever waited may find that the one it waited for has read it.
            if !self.is_young(now, IN_FORCE) {
                let reader = tokio::spawn(Arc::clone(self).read_again(turn, now));
                drop(reader.await);
            }
        });
        if waited.await.is_err() && !self.hangs.swap(true, Ordering::Relaxed) {
            let file = self.path.display();
            tracing::error!(%file, "the file hangs: the denied subjects stay as they were");
        }
    }

    fn is_young(&self, now: Timestamp, at_most: Duration) -> bool {
        let read = self.current.load().read;
        // A clock that was set back must not keep an old list in force.
        read.is_some_and(|read| now.distance(read) < at_most)
    }

    /// A file that cannot be read leaves the last list in force: a moment without the file must
    /// neither let everybody in nor keep everybody out.
    async fn read_again(self: Arc<Self>, turn: OwnedMutexGuard<()>, now: Timestamp) {
        let (path, current) = (self.path.clone(), self.current.load_full());
        let known = current.digest;
        let found = tokio::task::spawn_blocking(move || {
            let text = read(&path)?;
            let digest: [u8; 32] = Sha256::digest(&text).into();
            let ids = (digest != known).then(|| parse(&text)).transpose()?;
            Ok::<_, DeniedSubjectsError>((ids.map(Arc::new), digest))
        });
        let (ids, digest) = match found.await {
            Ok(Ok((ids, digest))) => (ids, digest),
            Ok(Err(error)) => {
                let file = self.path.display();
                tracing::error!(%file, %error, "the denied subjects stay as they were");
                (None, known)
            }
            Err(_) => (None, known),
        };
        self.current.store(Arc::new(List {
            ids: ids.unwrap_or_else(|| Arc::clone(&current.ids)),
            digest,
            read: Some(now),
        }));
        self.hangs.store(false, Ordering::Relaxed);
        drop(turn);
    }
}

fn read(path: &Path) -> Result<String, DeniedSubjectsError> {
    use std::io::Read as _;
    let mut text = String::new();
    let file = std::fs::File::open(path)?;
    file.take(MAX_BYTES + 1).read_to_string(&mut text)?;
    if text.len() as u64 > MAX_BYTES {
        return Err(DeniedSubjectsError::TooLarge);
    }
    Ok(text)
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
