//! Pipelining: several requests in order on one connection.

use std::{future::poll_fn, pin::Pin, task::Poll};

use futures_util::future::{MaybeDone, maybe_done};

/// Sends every request before it waits for the first answer, and returns the answers in order.
///
/// A request goes out when its future is polled for the first time, so each is polled in its turn; answers come in the
/// same order, so they are awaited in it.
pub(super) async fn in_order<F: Future>(requests: impl IntoIterator<Item = F>) -> Vec<F::Output> {
    let mut sent: Vec<Pin<Box<MaybeDone<F>>>> =
        requests.into_iter().map(|request| Box::pin(maybe_done(request))).collect();
    poll_fn(|context| {
        for request in &mut sent {
            let _ = request.as_mut().poll(context);
        }
        Poll::Ready(())
    })
    .await;
    let mut answers = Vec::with_capacity(sent.len());
    for mut request in sent {
        request.as_mut().await;
        answers.extend(request.as_mut().take_output());
    }
    answers
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    #[tokio::test]
    async fn every_request_is_sent_in_its_turn_before_the_first_answer_comes() {
        let log = RefCell::new(Vec::new());
        let requests = (0..100).map(|number| {
            let log = &log;
            async move {
                log.borrow_mut().push(number);
                tokio::task::yield_now().await;
                assert_eq!(log.borrow().len(), 100);
                number
            }
        });
        let answers = in_order(requests).await;
        assert!(answers.into_iter().eq(0..100));
        assert!(log.into_inner().into_iter().eq(0..100));
    }
}
