//! The bodies of reports: each of them bounded, and all together. Clients that send one slowly keep out no report of usual length.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;

use axum::body::Body;
use hyper::body::Body as _;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::http::webhooks::refusal::Refusal;

/// Longest body, in bytes. SendGrid posts up to 768 KB, SNS a message of 256 KB within a JSON text.
const MAX: u64 = 1024 * 1024;
/// What every client may send at any time, in bytes: by the number of connections, it is 16 MiB for all.
const SMALL: u64 = 64 * 1024;
/// Bodies that have grown beyond that, at a time.
const PLACES: usize = 16;

/// All that are in memory.
#[derive(Debug)]
pub(super) struct Bodies {
    places: Arc<Semaphore>,
}

/// What a long body holds for as long as something of it is in memory; a short one needs none.
pub(super) type Place = Option<OwnedSemaphorePermit>;

impl Default for Bodies {
    fn default() -> Self {
        Self { places: Arc::new(Semaphore::new(PLACES)) }
    }
}

impl Bodies {
    /// The whole body, if it is not too long. It waits for a place if it is long and others are, too.
    pub(super) async fn read(&self, mut body: Body) -> Result<(Vec<u8>, Place), Refusal> {
        let (mut bytes, mut place) = (Vec::new(), None);
        // What the client says beforehand: of a body that is too long, nothing is read.
        let mut length = body.size_hint().lower();
        loop {
            if length > MAX {
                return Err(Refusal::TooLong);
            }
            let Some(frame) = poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await else {
                return Ok((bytes, place));
            };
            let Ok(data) = frame.map_err(|_| Refusal::Malformed)?.into_data() else { continue };
            length = (bytes.len() + data.len()) as u64;
            if length > SMALL && place.is_none() {
                let free = Arc::clone(&self.places).acquire_owned().await;
                place = Some(free.map_err(|_| Refusal::Unavailable)?);
            }
            bytes.extend_from_slice(&data);
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::convert::Infallible;
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    use axum::body::Bytes;
    use hyper::body::Frame;

    use super::*;

    /// Some bytes or none, and then nothing more for ever.
    pub(in crate::http::webhooks) struct Trickle(pub Option<Bytes>);

    impl hyper::body::Body for Trickle {
        type Data = Bytes;
        type Error = Infallible;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            self.0.take().map_or(Poll::Pending, |bytes| Poll::Ready(Some(Ok(Frame::data(bytes)))))
        }
    }

    fn some(length: u64) -> Bytes {
        vec![b'x'; usize::try_from(length).unwrap()].into()
    }

    /// What has become of the reading at once.
    fn poll<F: Future>(read: Pin<&mut F>) -> Poll<F::Output> {
        read.poll(&mut Context::from_waker(Waker::noop()))
    }

    /// The length of a body that is there at once.
    fn read(bodies: &Bodies, length: u64) -> Poll<Result<usize, Refusal>> {
        poll(pin!(bodies.read(some(length).into()))).map_ok(|(bytes, _)| bytes.len())
    }

    #[test]
    fn clients_that_send_slowly_keep_out_nobody_but_each_other() {
        let bodies = Bodies::default();
        let mut slow: Vec<_> =
            [SMALL; 300].map(|length| Box::pin(bodies.read(Body::new(Trickle(Some(some(length))))))).into();
        assert!(slow.iter_mut().all(|read| poll(read.as_mut()).is_pending()));
        assert_eq!(read(&bodies, MAX), Poll::Ready(Ok(1024 * 1024)));
        let mut long: Vec<_> = [SMALL + 1; PLACES]
            .map(|length| Box::pin(bodies.read(Body::new(Trickle(Some(some(length)))))))
            .into();
        assert!(long.iter_mut().all(|read| poll(read.as_mut()).is_pending()));
        assert_eq!(read(&bodies, SMALL), Poll::Ready(Ok(64 * 1024)));
        let mut further = pin!(bodies.read(some(SMALL + 1).into()));
        assert!(poll(further.as_mut()).is_pending());
        drop(long.pop());
        let Poll::Ready(Ok((_, place))) = poll(further) else { panic!("a place is free") };
        assert!(place.is_some());
        assert!(read(&bodies, SMALL + 1).is_pending(), "it is held by who is done with the body");
    }

    #[test]
    fn a_body_that_is_too_long_is_refused_before_it_is_read() {
        let bodies = Bodies::default();
        assert_eq!(read(&bodies, MAX + 1), Poll::Ready(Err(Refusal::TooLong)));
        let endless = Body::new(Trickle(Some(some(MAX + 1))));
        assert_eq!(poll(pin!(bodies.read(endless))).map_ok(|_| ()), Poll::Ready(Err(Refusal::TooLong)));
    }
}
