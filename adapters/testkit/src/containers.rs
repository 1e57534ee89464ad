//! Real databases in containers.
//!
//! A test runner such as nextest gives every test a process of its own, and a static is never
//! dropped. So the first process that needs an engine starts it, under a lock on a file and with
//! testcontainers' reuse, and all others find it; whoever started the run (`./test`) removes the
//! containers at its end by their label, [`LABEL`]. A database that cannot be had is a failure of
//! the test that needs it.

use std::{fs::File, path::PathBuf, time::Duration};

use testcontainers::{
    ContainerAsync, ContainerRequest, GenericImage, ImageExt, ReuseDirective,
    core::{IntoContainerPort as _, WaitFor},
    runners::AsyncRunner as _,
};

/// Label of every container; its value is the run that the container belongs to.
pub const LABEL: &str = "dev.usher.test";

/// The environment variable that names the run.
pub const RUN: &str = "USHER_TEST_RUN";

/// Where `PostgreSQL` listens: `postgres://postgres:postgres@127.0.0.1:PORT`, without a database.
pub async fn postgres() -> String {
    let image = GenericImage::new("postgres", "18")
        .with_exposed_port(5432.tcp())
        // The image starts the server once for its own set-up, and says so on standard output.
        .with_wait_for(WaitFor::message_on_stderr(
            "database system is ready to accept connections",
        ))
        .with_env_var("POSTGRES_PASSWORD", "postgres")
        // Tests keep nothing: what they wait for is not the disk.
        .with_cmd(["-c", "fsync=off", "-c", "max_connections=500"]);
    let port = port(image, "postgres", 5432).await;
    format!("postgres://postgres:postgres@127.0.0.1:{port}")
}

/// The URL of a new, empty database.
pub async fn postgres_database() -> String {
    use sqlx::{Connection as _, Executor as _};
    let server = postgres().await;
    let name = unique_name("usher");
    // A container that was there and stopped has said that it is ready, and is starting once more.
    let url = format!("{server}/postgres");
    let answers = async {
        loop {
            if let Ok(connection) = sqlx::PgConnection::connect(&url).await {
                return connection;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let mut connection = tokio::time::timeout(Duration::from_mins(1), answers)
        .await
        .expect("PostgreSQL answers");
    connection
        .execute(sqlx::AssertSqlSafe(format!("CREATE DATABASE {name}")))
        .await
        .unwrap_or_else(|error| panic!("no new database: {error}"));
    format!("{server}/{name}")
}

/// A name that no other test of this or any other run has: letters, digits and underscores.
#[must_use]
pub fn unique_name(prefix: &str) -> String {
    let mut random = [0_u8; 8];
    aws_lc_rs::rand::fill(&mut random).expect("random bytes");
    format!("{prefix}_{:016x}", u64::from_le_bytes(random))
}

/// Where `DynamoDB` Local listens: `http://127.0.0.1:PORT`.
pub async fn dynamodb() -> String {
    let image = GenericImage::new("amazon/dynamodb-local", "latest")
        .with_exposed_port(8000.tcp())
        .with_wait_for(WaitFor::message_on_stdout("Initializing DynamoDB Local"))
        .with_cmd([
            "-Djava.library.path=./DynamoDBLocal_lib",
            "-jar",
            "DynamoDBLocal.jar",
            "-inMemory",
            "-sharedDb",
        ]);
    let port = port(image, "dynamodb", 8000).await;
    let url = format!("http://127.0.0.1:{port}");
    // It announces itself before it listens. Any answer will do: a bare GET is a bad request.
    let answers = async {
        while reqwest::get(&url).await.is_err() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(Duration::from_mins(1), answers)
        .await
        .expect("DynamoDB Local answers");
    url
}

/// A database of one test's own, on a disk, which is killed and started again. It is removed when it is
/// dropped.
#[derive(Debug)]
pub struct OwnDatabase {
    container: ContainerAsync<GenericImage>,
    /// As [`postgres`] and [`dynamodb`] have it; the same after each start.
    pub url: String,
}

impl OwnDatabase {
    /// `PostgreSQL` as it comes: what it has acknowledged is on the disk.
    pub async fn postgres() -> Self {
        let image = GenericImage::new("postgres", "18")
            .with_wait_for(WaitFor::message_on_stderr(
                "database system is ready to accept connections",
            ))
            .with_env_var("POSTGRES_PASSWORD", "postgres");
        Self::start(image, 5432, "postgres://postgres:postgres@").await
    }

    /// `DynamoDB` Local with a file.
    pub async fn dynamodb() -> Self {
        let image = GenericImage::new("amazon/dynamodb-local", "latest")
            .with_wait_for(WaitFor::message_on_stdout("Initializing DynamoDB Local"))
            .with_cmd([
                "-Djava.library.path=./DynamoDBLocal_lib",
                "-jar",
                "DynamoDBLocal.jar",
                "-sharedDb",
                "-dbPath",
                "/tmp",
            ]);
        Self::start(image, 8000, "http://").await
    }

    async fn start(image: ContainerRequest<GenericImage>, port: u16, scheme: &str) -> Self {
        // A port that the engine chooses is another one after the next start.
        let free = std::net::TcpListener::bind((std::net::Ipv4Addr::LOCALHOST, 0));
        let free = free.and_then(|listener| listener.local_addr());
        let free = free.expect("a free port").port();
        let container = image
            .with_label(LABEL, run())
            .with_mapped_port(free, port.tcp())
            .with_startup_timeout(Duration::from_mins(2))
            .start()
            .await
            .unwrap_or_else(|error| panic!("a database could not be started: {error}"));
        Self {
            container,
            url: format!("{scheme}127.0.0.1:{free}"),
        }
    }

    /// Ends it at once: SIGKILL.
    pub async fn kill9(&self) {
        docker(&["kill", "--signal", "KILL", self.container.id()]).await;
    }

    /// Starts it again, with what is on its disk. It does not answer yet.
    pub async fn start_again(&self) {
        docker(&["start", self.container.id()]).await;
    }
}

async fn docker(arguments: &[&str]) {
    let run = tokio::process::Command::new("docker")
        .args(arguments)
        .output()
        .await
        .expect("docker runs");
    let said = String::from_utf8_lossy(&run.stderr);
    assert!(run.status.success(), "docker {arguments:?}: {said}");
}

async fn port(image: ContainerRequest<GenericImage>, engine: &str, port: u16) -> u16 {
    let run = run();
    let lock = lock(&format!("usher-test-{run}-{engine}.lock")).await;
    let container: ContainerAsync<GenericImage> = image
        .with_label(LABEL, run.clone())
        .with_container_name(format!("usher-test-{run}-{engine}"))
        .with_startup_timeout(Duration::from_mins(2))
        .with_reuse(ReuseDirective::Always)
        .start()
        .await
        .unwrap_or_else(|error| panic!("{engine} could not be started: {error}"));
    let mapped = container
        .get_host_port_ipv4(port)
        .await
        .unwrap_or_else(|error| panic!("{engine} has no port: {error}"));
    drop(lock);
    mapped
}

#[allow(
    clippy::disallowed_methods,
    reason = "the test runner says so through the environment"
)]
fn run() -> String {
    std::env::var(RUN).unwrap_or_else(|_| "local".to_owned())
}

/// Holds a lock among processes until the file is dropped.
async fn lock(name: &str) -> File {
    let path: PathBuf = std::env::temp_dir().join(name);
    tokio::task::spawn_blocking(move || {
        let file = File::create(&path).expect("a lock file");
        file.lock().expect("a lock");
        file
    })
    .await
    .expect("a lock")
}
