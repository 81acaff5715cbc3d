//! The two loops of L-BFGS (Nocedal 1980, doi:10.1090/S0025-5718-1980-0572855-7), with EM's step for the first guess.

use std::collections::VecDeque;

use super::coordinates::Place;

/// Steps that are remembered, and the most memory that they may take together.
const MAX_PAIRS: usize = 10;
const MAX_BYTES: usize = 32 << 20;
/// What past steps told about the curvature.
#[derive(Default)]
pub(super) struct Memory {
    pub(super) last: Option<Step>,
    pub(super) pairs: VecDeque<Pair>,
}

/// A point, the gradient there and EM's step.
pub(super) struct Step {
    pub(super) point: Vec<f64>,
    pub(super) gradient: Vec<f64>,
    pub(super) em: Vec<f64>,
}

/// What changed from one point to the next: the point, the gradient, EM's step; the latter two with their signs turned.
pub(super) struct Pair {
    point: Vec<f64>,
    gradient: Vec<f64>,
    em: Vec<f64>,
    /// One over the product of the first two.
    inverse: f64,
}

impl Memory {
    /// Adds the change since the last step, if the likelihood is curved downwards along it.
    pub(super) fn add(&mut self, step: &Step) {
        let Some(last) = &self.last else { return };
        let point = difference(&step.point, &last.point);
        let gradient = difference(&last.gradient, &step.gradient);
        let em = difference(&last.em, &step.em);
        let product = dot(&point, &gradient);
        if product > 1e-8 * (dot(&point, &point) * dot(&gradient, &gradient)).sqrt() {
            let bytes = 3 * size_of::<f64>() * point.len();
            if self.pairs.len() == (MAX_BYTES / bytes).clamp(3, MAX_PAIRS) {
                self.pairs.pop_front();
            }
            self.pairs.push_back(Pair { point, gradient, em, inverse: product.recip() });
        }
    }

    /// The end of the quasi-Newton step, and whether `reach` was in the way of a longer one; `None` where there is nothing
    /// to go by, or no way up.
    pub(super) fn leap(&self, here: &Place, step: &Step, reach: f64) -> (Option<Vec<f64>>, bool) {
        let mut direction = self.direction(step);
        let promising = !self.pairs.is_empty() && dot(&step.gradient, &direction) > 0.0;
        let (length, longest) = (here.length(&direction), reach * here.length(&step.em));
        let in_the_way = length > longest;
        let share = if in_the_way { longest / length } else { 1.0 };
        direction.iter_mut().zip(&step.point).for_each(|(value, from)| *value = from + share * *value);
        (promising.then_some(direction), in_the_way)
    }

    /// The two loops. The first one works on the gradient and, for what EM makes of it, on EM's step alike.
    fn direction(&self, step: &Step) -> Vec<f64> {
        let (mut gradient, mut direction) = (step.gradient.clone(), step.em.clone());
        let mut shares = Vec::with_capacity(self.pairs.len());
        for pair in self.pairs.iter().rev() {
            let share = pair.inverse * dot(&pair.point, &gradient);
            add(&mut gradient, -share, &pair.gradient);
            add(&mut direction, -share, &pair.em);
            shares.push(share);
        }
        for (pair, share) in self.pairs.iter().zip(shares.iter().rev()) {
            let other = pair.inverse * dot(&pair.gradient, &direction);
            add(&mut direction, share - other, &pair.point);
        }
        direction
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

pub(super) fn difference(a: &[f64], b: &[f64]) -> Vec<f64> {
    a.iter().zip(b).map(|(a, b)| a - b).collect()
}

fn add(to: &mut [f64], times: f64, from: &[f64]) {
    to.iter_mut().zip(from).for_each(|(to, from)| *to += times * from);
}
