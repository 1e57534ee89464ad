//! The connections to the database, and which of them are worth another call.
//!
//! They are kept by deadpool and not by sqlx's own pool, which pings a connection whenever it comes
//! back, holds its place meanwhile, and waits for the answer without a bound (sqlx #4349): sixteen
//! calls into a network that has gone silent, and there is no place left until TCP gives up, which
//! takes minutes. Here a healthy connection goes back without a word, and a call is one round trip.

mod trust;

use std::{
    fmt, io,
    ops::{Deref, DerefMut},
    pin::pin,
    time::Duration,
};

use deadpool::managed::{Manager, Metrics, Object, Pool, PoolError, QueueMode, RecycleResult};
use futures_core::{future::BoxFuture, stream::BoxStream};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use sqlx::{
    ConnectOptions as _, Connection as _, Either, Execute, Executor, PgConnection, Postgres,
    SqlStr,
    postgres::{PgConnectOptions, PgQueryResult, PgRow, PgStatement, PgTypeInfo},
};
use tokio::time::{Instant, timeout};

use self::trust::{Trust, Verdict};
use crate::error::is_connections;

const CONNECTIONS: usize = 16;

/// A connection that was silent for so long is asked before it is trusted with a write: reads find
/// out by themselves, as they can be repeated.
const FRESH: Duration = Duration::from_millis(500);

/// So old a connection becomes: names resolve to other addresses after a failover.
const MAX_AGE: Duration = Duration::from_mins(30);

/// Firewalls forget connections that are silent for longer.
const MAX_SILENCE: Duration = Duration::from_mins(10);

/// What one call may wait for, by the time that it has as a whole.
#[derive(Debug, Clone, Copy)]
struct Patience {
    /// All of it.
    call: Duration,
    /// For a new connection.
    connect: Duration,
    /// For an answer, before others are suspected to get none either.
    silence: Duration,
    /// For the answer to a ping, which costs a database nothing.
    ping: Duration,
}

/// Connections to one database.
#[derive(Clone)]
pub(crate) struct Connections {
    pool: Pool<Opener>,
}

/// Opens connections, and knows what is known of all of them.
#[derive(Debug)]
struct Opener {
    options: PgConnectOptions,
    patience: Patience,
    trust: Trust,
}

/// A connection.
struct Line {
    raw: PgConnection,
    opened: Instant,
    heard: Instant,
}

impl Connections {
    /// None yet. A call may take `call`, the wait for a connection included.
    pub(crate) fn new(options: PgConnectOptions, call: Duration) -> Self {
        let patience = Patience {
            call,
            // A handshake is several round trips and thousands of hashes, and when all connections are
            // made at once they wait for each other: whoever gives up too soon begins anew.
            connect: call / 2,
            silence: call / 4,
            ping: call / 8,
        };
        let opener = Opener {
            options,
            patience,
            trust: Trust::new(),
        };
        let pool = Pool::builder(opener)
            .max_size(CONNECTIONS)
            // The one that was heard from last is the one to trust.
            .queue_mode(QueueMode::Lifo)
            .build();
        Self {
            pool: pool.expect("no timeouts of the pool's own, which would need a runtime's name"),
        }
    }

    /// For statements that change nothing, so that whoever sent one in vain may send it again.
    pub(crate) fn reading(&self) -> Lender<'_> {
        Lender {
            connections: self,
            is_read: true,
        }
    }

    /// For statements that are sent once.
    pub(crate) fn writing(&self) -> Lender<'_> {
        Lender {
            connections: self,
            is_read: false,
        }
    }

    /// Closes what is idle now and whatever else when it comes back.
    pub(crate) fn close(&self) {
        self.pool.close();
    }

    fn opener(&self) -> &Opener {
        self.pool.manager()
    }
}

impl fmt::Debug for Connections {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connections").finish_non_exhaustive()
    }
}

impl Opener {
    /// Connects, and a second time beside the first when that takes long: what was sent while the way
    /// to the database was still being made is answered by nobody.
    async fn connect(&self) -> Result<PgConnection, sqlx::Error> {
        let mut first = pin!(self.connect_once());
        if let Ok(connected) = timeout(self.patience.ping, &mut first).await {
            return connected;
        }
        let mut second = pin!(self.connect_once());
        tokio::select! {
            connected = &mut first => match connected {
                Err(_) => second.await,
                connected => connected,
            },
            // Good or bad, it is news.
            connected = &mut second => connected,
        }
    }

    async fn connect_once(&self) -> Result<PgConnection, sqlx::Error> {
        let mut raw = self.options.connect().await?;
        // A statement that nobody waits for any more ends, too; otherwise those that wait for a lock
        // would be more and more, one connection each. And so does a transaction whose process has
        // vanished with its machine: until TCP gives up, its locks would stop every other.
        let limit = self.patience.call.as_millis().max(1);
        let limits = format!(
            "SET statement_timeout = {limit}; SET idle_in_transaction_session_timeout = {limit}"
        );
        raw.execute(sqlx::AssertSqlSafe(limits)).await?;
        Ok(raw)
    }

    /// Asks whether anybody is there.
    async fn ping(&self, line: &mut Line) -> bool {
        let answered = timeout(self.patience.ping, line.raw.ping()).await;
        let answered = answered.is_ok_and(|answer| answer.is_ok());
        if answered {
            line.heard = Instant::now();
        } else {
            self.trust.lose();
        }
        answered
    }
}

impl Manager for Opener {
    type Type = Line;
    type Error = sqlx::Error;

    async fn create(&self) -> Result<Line, sqlx::Error> {
        let raw = timeout(self.patience.connect, self.connect())
            .await
            .map_err(|_| late("no connection was made in time"))??;
        let now = Instant::now();
        Ok(Line {
            raw,
            opened: now,
            heard: now,
        })
    }

    async fn recycle(&self, line: &mut Line, _: &Metrics) -> RecycleResult<sqlx::Error> {
        let is_old = line.opened.elapsed() > MAX_AGE || line.heard.elapsed() > MAX_SILENCE;
        let is_good = match self.trust.of(line.heard) {
            _ if is_old => false,
            Verdict::Good => true,
            Verdict::Doubtful => self.ping(line).await,
            Verdict::Lost => false,
        };
        if is_good {
            Ok(())
        } else {
            Err(deadpool::managed::RecycleError::message("another, please"))
        }
    }
}

/// Lends a connection for each statement.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Lender<'p> {
    connections: &'p Connections,
    is_read: bool,
}

impl Lender<'_> {
    /// A connection for several statements. Who has read the answer to the last of them says so by
    /// [`Lent::settle`]; otherwise it is closed: sqlx does not know of a transaction whose begin was
    /// sent and not yet answered, and would leave it open.
    pub(crate) async fn lend(self) -> Result<Lent, sqlx::Error> {
        let mut lent = self.lend_for_one().await?;
        lent.is_for_several = true;
        Ok(lent)
    }

    async fn lend_for_one(self) -> Result<Lent, sqlx::Error> {
        loop {
            let mut line = self
                .connections
                .pool
                .get()
                .await
                .map_err(|error| match error {
                    PoolError::Backend(error) => error,
                    PoolError::Closed => sqlx::Error::PoolClosed,
                    _ => sqlx::Error::PoolTimedOut,
                })?;
            let opener = self.connections.opener();
            if self.is_read || line.heard.elapsed() < FRESH || opener.ping(&mut line).await {
                return Ok(Lent {
                    line: Some(line),
                    is_for_several: false,
                });
            }
            drop(Object::take(line));
        }
    }

    /// All of one call, from the wait for a connection to the end of the answer.
    async fn in_time<T>(
        self,
        call: impl Future<Output = Result<T, sqlx::Error>>,
    ) -> Result<T, sqlx::Error> {
        let limit = self.connections.opener().patience.call;
        timeout(limit, call)
            .await
            .unwrap_or_else(|_| Err(late("no answer in time")))
    }

    /// The answer to what was sent. When it is long in coming, others may wait in vain as well.
    async fn heard<T>(self, answer: impl Future<Output = T>) -> T {
        let opener = self.connections.opener();
        let mut answer = pin!(answer);
        if let Ok(answer) = timeout(opener.patience.silence, &mut answer).await {
            return answer;
        }
        opener.trust.suspect();
        answer.await
    }
}

impl<'p> Executor<'p> for Lender<'p> {
    type Database = Postgres;

    fn fetch_many<'e, 'q: 'e, E>(
        self,
        query: E,
    ) -> BoxStream<'e, Result<Either<PgQueryResult, PgRow>, sqlx::Error>>
    where
        'p: 'e,
        E: 'q + Execute<'q, Postgres>,
    {
        // Answers are pages at most: a connection is not lent to whoever reads a row now and then.
        let call = self.in_time(async move {
            let mut lent = self.lend_for_one().await?;
            let rows = lent.fetch_many(query).try_collect::<Vec<_>>();
            let rows = self.heard(rows).await;
            lent.answered(rows)
        });
        let all = async move {
            match call.await {
                Ok(rows) => stream::iter(rows.into_iter().map(Ok)).left_stream(),
                Err(error) => stream::iter([Err(error)]).right_stream(),
            }
        };
        Box::pin(stream::once(all).flatten())
    }

    fn fetch_optional<'e, 'q: 'e, E>(
        self,
        query: E,
    ) -> BoxFuture<'e, Result<Option<PgRow>, sqlx::Error>>
    where
        'p: 'e,
        E: 'q + Execute<'q, Postgres>,
    {
        Box::pin(self.in_time(async move {
            let mut lent = self.lend_for_one().await?;
            let row = self.heard(lent.fetch_optional(query)).await;
            lent.answered(row)
        }))
    }

    fn prepare_with<'e>(
        self,
        sql: SqlStr,
        parameters: &'e [PgTypeInfo],
    ) -> BoxFuture<'e, Result<PgStatement, sqlx::Error>>
    where
        'p: 'e,
    {
        Box::pin(self.in_time(async move {
            let mut lent = self.lend_for_one().await?;
            let statement = self.heard(lent.prepare_with(sql, parameters)).await;
            lent.answered(statement)
        }))
    }
}

/// A connection that is out on loan. If it is dropped before the last answer was read, because the
/// caller has gone or its time was up, it is not lost yet: it goes back when the answer comes soon,
/// unless it was lent for several statements.
pub(crate) struct Lent {
    line: Option<Object<Opener>>,
    is_for_several: bool,
}

impl Lent {
    /// Gives it back: all that was asked has been answered.
    pub(crate) fn settle(mut self) {
        if let Some(mut line) = self.line.take() {
            line.heard = Instant::now();
        }
    }

    /// Gives it back, unless the answer says that there is nothing to give back.
    fn answered<T>(self, answer: Result<T, sqlx::Error>) -> Result<T, sqlx::Error> {
        match &answer {
            Err(error) if is_connections(error) => {
                self.opener()
                    .inspect(|opener| opener.manager().trust.lose());
                self.close();
            }
            _ => self.settle(),
        }
        answer
    }

    fn close(mut self) {
        self.line.take().map(Object::take);
    }

    fn opener(&self) -> Option<Pool<Opener>> {
        self.line.as_ref().and_then(Object::pool)
    }
}

impl Deref for Lent {
    type Target = PgConnection;

    #[allow(
        clippy::expect_used,
        reason = "only what consumes it takes the connection out"
    )]
    fn deref(&self) -> &PgConnection {
        &self.line.as_ref().expect("a connection").raw
    }
}

impl DerefMut for Lent {
    #[allow(
        clippy::expect_used,
        reason = "only what consumes it takes the connection out"
    )]
    fn deref_mut(&mut self) -> &mut PgConnection {
        &mut self.line.as_mut().expect("a connection").raw
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        let pool = self.opener();
        let (Some(mut line), Some(pool)) = (self.line.take(), pool) else {
            return;
        };
        let runtime = tokio::runtime::Handle::try_current();
        let runtime = runtime.ok().filter(|_| !self.is_for_several);
        let Some(runtime) = runtime else {
            drop(Object::take(line));
            return;
        };
        runtime.spawn(async move {
            let Opener {
                patience, trust, ..
            } = pool.manager();
            // The answers come in their order, so that the one to a ping is the last.
            match timeout(patience.ping, line.raw.ping()).await {
                Ok(Ok(())) => {
                    line.heard = Instant::now();
                    return;
                }
                // The database works on it still, or nobody is there any more.
                Err(_) => trust.suspect(),
                Ok(Err(error)) if is_connections(&error) => trust.lose(),
                // The last answer was an error, as it may be.
                Ok(Err(_)) => {}
            }
            drop(Object::take(line));
        });
    }
}

fn late(what: &'static str) -> sqlx::Error {
    sqlx::Error::Io(io::Error::new(io::ErrorKind::TimedOut, what))
}
