//! From scores to likelihoods.

/// Turns scores into likelihoods that add up to one.
pub(crate) fn softmax(scores: &mut [f32]) {
    let most = scores.iter().copied().fold(f32::MIN, f32::max);
    for score in scores.iter_mut() {
        *score = (*score - most).exp();
    }
    let sum: f32 = scores.iter().sum();
    for score in scores.iter_mut() {
        *score /= sum;
    }
}

/// What is kept of a likelihood: four digits.
pub(crate) fn tidy(value: f32) -> f32 {
    (value * 10_000.0).round() / 10_000.0
}
