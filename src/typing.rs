//! Showing customers that an answer is on its way: only where it takes a while, since a quick one says so itself.

use std::time::Duration;

/// After how long somebody may wonder whether anything happens.
const FIRST: Duration = Duration::from_millis(300);
/// For how long platforms show it, about: Telegram says five seconds or less.
const AGAIN: Duration = Duration::from_secs(4);

/// Waits for `work`, and has it shown for as long as that takes.
pub async fn shown_during<T>(work: impl Future<Output = T>, show: impl Fn()) -> T {
    tokio::pin!(work);
    let mut wait = FIRST;
    loop {
        match tokio::time::timeout(wait, &mut work).await {
            Ok(done) => return done,
            Err(_elapsed) => show(),
        }
        wait = AGAIN;
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_takes_long_is_shown_again_and_again_and_what_is_quick_never() {
        for (milliseconds, times) in [(0, 0), (299, 0), (301, 1), (4_200, 1), (4_301, 2), (12_301, 4)] {
            let shown = Cell::new(0);
            let work = tokio::time::sleep(Duration::from_millis(milliseconds));
            shown_during(work, || shown.set(shown.get() + 1)).await;
            assert_eq!(shown.get(), times, "{milliseconds} ms");
        }
    }
}
