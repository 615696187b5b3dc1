//! How patient the server is with whoever connects.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};

/// How patient the server is with whoever connects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// How many connections are open at a time; more wait at the door.
    pub connections: usize,
    /// How long the head of a request may take to arrive, and how long a connection may stay open without one.
    pub head: Duration,
    /// How long a TLS handshake may take.
    pub handshake: Duration,
    /// How long a body may take to arrive, however it dribbles.
    pub body: Duration,
    /// How long a client may take no byte of its answer.
    pub write: Duration,
    /// How many previews of license rules are made at a time, each of which looks at every repository.
    pub previews: usize,
    /// How many searches for groups are under way at hosts at a time.
    pub searches: usize,
    /// How long a preview or a search waits for its turn; then it is refused.
    pub turn: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 2048,
            head: Duration::from_secs(15),
            handshake: Duration::from_secs(10),
            body: Duration::from_secs(20),
            write: Duration::from_secs(30),
            previews: 2,
            searches: 8,
            turn: Duration::from_secs(5),
        }
    }
}

/// A connection that is given up when the other end takes nothing for too long: an answer in memory would wait for it for ever.
#[derive(Debug)]
pub struct Impatient<S> {
    inner: S,
    patience: Duration,
    /// Runs while a write waits.
    waiting: Option<Pin<Box<Sleep>>>,
}

impl<S> Impatient<S> {
    /// A connection with so much patience.
    pub const fn new(inner: S, patience: Duration) -> Self {
        Self {
            inner,
            patience,
            waiting: None,
        }
    }

    fn judge<T>(&mut self, cx: &mut Context<'_>, poll: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if poll.is_ready() {
            self.waiting = None;
            return poll;
        }
        let end = Instant::now() + self.patience;
        let waiting = self
            .waiting
            .get_or_insert_with(|| Box::pin(tokio::time::sleep_until(end)));
        match waiting.as_mut().poll(cx) {
            Poll::Ready(()) => Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
            Poll::Pending => Poll::Pending,
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Impatient<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_read(cx, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Impatient<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let poll = Pin::new(&mut self.inner).poll_write(cx, bytes);
        self.judge(cx, poll)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let poll = Pin::new(&mut self.inner).poll_write_vectored(cx, slices);
        self.judge(cx, poll)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let poll = Pin::new(&mut self.inner).poll_flush(cx);
        self.judge(cx, poll)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let poll = Pin::new(&mut self.inner).poll_shutdown(cx);
        self.judge(cx, poll)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncWriteExt;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn who_takes_nothing_is_given_up() {
        let (ours, theirs) = tokio::io::duplex(8);
        let mut stream = Impatient::new(ours, Duration::from_secs(30));
        stream.write_all(b"12345678").await.expect("there is room");
        let start = Instant::now();
        let error = stream.write_all(b"9").await.expect_err("nobody reads");
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert_eq!(start.elapsed(), Duration::from_secs(30));
        drop(theirs);
    }

    #[tokio::test(start_paused = true)]
    async fn who_takes_a_little_now_and_then_is_waited_for() {
        use tokio::io::AsyncReadExt;

        let (ours, mut theirs) = tokio::io::duplex(1);
        let mut stream = Impatient::new(ours, Duration::from_secs(30));
        let writing = tokio::spawn(async move { stream.write_all(b"abc").await });
        let mut byte = [0];
        for _ in 0..3 {
            tokio::time::advance(Duration::from_secs(29)).await;
            theirs.read_exact(&mut byte).await.expect("it comes");
            tokio::task::yield_now().await;
        }
        writing.await.expect("no panic").expect("all was taken");
    }
}
