//! Fewer passes to the top of the same hill: EM as the preconditioner of a quasi-Newton ascent.
//!
//! EM's step is the gradient times the inverse of the Fisher information that the complete data would have
//! (Jamshidian & Jennrich 1997, doi:10.1111/1467-9868.00083, their QN2; Salakhutdinov & Roweis 2003). The two loops of
//! L-BFGS (Nocedal 1980, doi:10.1090/S0025-5718-1980-0572855-7) turn it into a step that also knows the curvature of
//! the passes before. One pass gives likelihood, gradient and EM step together, so a step costs one pass.
//!
//! Departures. As long as EM itself is quick, it goes alone. There is no line search: the step is no longer than a multiple of EM's own, which doubles where it was
//! in the way and shrinks to a quarter where the likelihood fell; then the plain step is taken, which cannot fall, and
//! the memory is cleared. The inverse Hessian that the loops start from is EM's at the present point, not a fixed one.

use std::collections::VecDeque;
use std::str::FromStr;

use crate::coordinates::{Place, mixture_at};
use crate::error::{Error, Result};
use crate::mixture::Mixture;

/// Steps that are remembered, and the most memory that they may take together.
const MAX_PAIRS: usize = 10;
const MAX_BYTES: usize = 32 << 20;
/// How many times as long as EM's a step may be at first.
const FIRST_REACH: f64 = 8.0;
/// As long as a plain pass gains more than this (nats per sample), plain passes go on: they are quick here, and choose
/// the hill that EM would choose.
const QUICK: f64 = 3e-3;

/// How passes are made fewer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Acceleration {
    /// Textbook EM: each pass starts from the last one's M-step.
    None,
    /// Quasi-Newton steps preconditioned by EM, with plain steps where the likelihood would fall.
    Lbfgs,
}

impl FromStr for Acceleration {
    type Err = Error;
    fn from_str(name: &str) -> Result<Self> {
        match name {
            "none" => Ok(Self::None),
            "lbfgs" => Ok(Self::Lbfgs),
            _ => Err(Error::UnknownChoice {
                name: "acceleration",
                value: name.into(),
                choices: "\"lbfgs\", or None for textbook EM",
            }),
        }
    }
}

/// The way up: what the passes have found, and where the next one looks.
pub(crate) struct Ascent {
    acceleration: Acceleration,
    floor: f64,
    /// A lower likelihood than the one kept by more than this is a fall.
    rounding: f64,
    /// Where the next pass looks.
    pub(crate) trial: Mixture,
    /// Whether `trial` is anything else than an M-step.
    extrapolated: bool,
    /// The likelihood of the point that is kept, and the M-step from there.
    kept: Option<(f64, Mixture)>,
    /// Whether plain passes have once gained little.
    warm: bool,
    reach: f64,
    reach_was_in_the_way: bool,
    memory: Memory,
}

/// What past steps told about the curvature.
#[derive(Default)]
struct Memory {
    last: Option<Step>,
    pairs: VecDeque<Pair>,
}

/// A point, the gradient there and EM's step.
struct Step {
    point: Vec<f64>,
    gradient: Vec<f64>,
    em: Vec<f64>,
}

/// What changed from one point to the next: the point, the gradient, EM's step; the latter two with their signs turned.
struct Pair {
    point: Vec<f64>,
    gradient: Vec<f64>,
    em: Vec<f64>,
    /// One over the product of the first two.
    inverse: f64,
}

impl Ascent {
    pub(crate) fn new(start: Mixture, acceleration: Acceleration, floor: f64, rounding: f64) -> Self {
        Self {
            acceleration,
            floor,
            rounding,
            trial: start,
            extrapolated: false,
            kept: None,
            warm: false,
            reach: FIRST_REACH,
            reach_was_in_the_way: false,
            memory: Memory::default(),
        }
    }

    /// Takes what a pass found at the trial: its likelihood, and the M-step from there. Returns the likelihood kept.
    pub(crate) fn take(&mut self, log_likelihood: f64, next: Mixture) -> f64 {
        match &self.kept {
            Some((best, plain)) if self.extrapolated && self.fell(log_likelihood, *best) => {
                self.trial = plain.clone();
                self.extrapolated = false;
                self.reach = (0.25 * self.reach).max(1.0);
                self.memory.pairs.clear();
                *best
            }
            _ => {
                if self.extrapolated && self.reach_was_in_the_way {
                    self.reach *= 2.0;
                }
                let gain = log_likelihood - self.kept.as_ref().map_or(f64::NEG_INFINITY, |kept| kept.0);
                self.warm |= gain < QUICK;
                let proposal = match self.acceleration {
                    Acceleration::Lbfgs if self.warm => self.extrapolate(&next),
                    Acceleration::Lbfgs | Acceleration::None => None,
                };
                self.extrapolated = proposal.is_some();
                self.trial = proposal.unwrap_or_else(|| next.clone());
                self.kept = Some((log_likelihood, next));
                log_likelihood
            }
        }
    }

    /// Whether the likelihood is lower by more than rounding, or no number.
    fn fell(&self, log_likelihood: f64, best: f64) -> bool {
        log_likelihood.is_nan() || log_likelihood < best - self.rounding
    }

    /// The M-step from the point that is kept, or the start.
    pub(crate) fn into_mixture(self) -> Mixture {
        self.kept.map_or(self.trial, |(_, next)| next)
    }

    /// The quasi-Newton step from the trial; `None` where there is nothing to go by, or no way up.
    fn extrapolate(&mut self, next: &Mixture) -> Option<Mixture> {
        let here = Place::new(&self.trial)?;
        let point = here.coordinates();
        let em = difference(&Place::new(next)?.coordinates(), &point);
        let step = Step { gradient: here.gradient(next), point, em };
        self.memory.add(&step);
        let mut direction = self.memory.direction(&step);
        let promising = !self.memory.pairs.is_empty() && dot(&step.gradient, &direction) > 0.0;
        let (length, longest) = (here.length(&direction), self.reach * here.length(&step.em));
        self.reach_was_in_the_way = length > longest;
        if self.reach_was_in_the_way {
            for value in &mut direction {
                *value *= longest / length;
            }
        }
        direction.iter_mut().zip(&step.point).for_each(|(value, from)| *value += from);
        self.memory.last = Some(step);
        if promising { mixture_at(&direction, next, self.floor) } else { None }
    }
}

impl Memory {
    /// Adds the change since the last step, if the likelihood is curved downwards along it.
    fn add(&mut self, step: &Step) {
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

fn difference(a: &[f64], b: &[f64]) -> Vec<f64> {
    a.iter().zip(b).map(|(a, b)| a - b).collect()
}

fn add(to: &mut [f64], times: f64, from: &[f64]) {
    to.iter_mut().zip(from).for_each(|(to, from)| *to += times * from);
}
