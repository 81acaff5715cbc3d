//! When to stop: not at a short step, but where little is left to gain.

/// The least number of passes over which a gain is measured.
const LEAST_WINDOW: usize = 5;

/// The gain (nats per sample) that more passes promise; infinite where that cannot be told yet.
///
/// The gains over two windows, each as long as a third of the run, are extrapolated as Aitken does
/// (Böhning et al. 1994, doi:10.1007/BF01720593): a gain that shrinks by the factor q from one window to the next leaves
/// q / (1 − q) of the later one. What is promised is never less than the later gain itself. Windows that grow with the
/// run keep one short pause from passing for its end.
#[must_use]
pub fn remaining_gain(history: &[f64]) -> f64 {
    let window = (history.len() / 3).max(LEAST_WINDOW);
    if history.len() <= 2 * window {
        return f64::INFINITY;
    }
    let before = |passes: usize| history[history.len() - 1 - passes];
    let late = (before(0) - before(window)).abs();
    let early = (before(window) - before(2 * window)).abs();
    if late == 0.0 {
        0.0
    } else if late < early {
        late.max(late * late / (early - late))
    } else {
        f64::INFINITY
    }
}

/// The size of the last change, the first one being that from `before`; infinite where there was none.
pub(crate) fn last_step(before: Option<f64>, history: &[f64]) -> f64 {
    match (before, history) {
        (_, [.., before, last]) => (last - before).abs(),
        (Some(before), [only]) => (only - before).abs(),
        _ => f64::INFINITY,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn history(gain: impl Fn(i32) -> f64, passes: i32) -> Vec<f64> {
        (0..passes).scan(0.0, |sum, pass| Some(std::mem::replace(sum, *sum + gain(pass)))).collect()
    }

    #[test]
    fn slow_convergence_is_not_taken_for_its_end() {
        // Each pass gains less than 1e-4, all of them together 0.02.
        let rate: f64 = 0.995;
        let history = history(|pass| 1e-4 * rate.powi(pass), 200);
        let left = 0.02 * rate.powi(200);
        let estimate = remaining_gain(&history);
        assert!(estimate > 0.9 * left && estimate < 1.5 * left, "{estimate} {left}");
    }

    #[test]
    fn a_plateau_is_waited_on() {
        let history =
            history(|pass| if pass < 40 { 0.1 * 0.8f64.powi(pass) } else { 1e-5 * 1.1f64.powi(pass - 40) }, 100);
        assert!((12..100).all(|passes| remaining_gain(&history[..passes]) > 1e-4));
    }

    #[test]
    fn nothing_is_known_at_first_and_nothing_is_left_at_last() {
        assert_eq!(remaining_gain(&[1.0; 10]), f64::INFINITY);
        assert_eq!(remaining_gain(&[1.0; 11]), 0.0);
    }
}
