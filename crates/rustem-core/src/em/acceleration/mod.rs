//! Fewer passes to the top of the same hill: EM as the preconditioner of a quasi-Newton ascent.
//!
//! EM's step is the gradient times the inverse of the Fisher information that the complete data would have
//! (Jamshidian & Jennrich 1997, doi:10.1111/1467-9868.00083, their QN2; Salakhutdinov & Roweis 2003). The two loops of
//! L-BFGS (Nocedal 1980, doi:10.1090/S0025-5718-1980-0572855-7) turn it into a step that also knows the curvature of
//! the passes before. One pass gives likelihood, gradient and EM step together, so a step costs one pass.
//!
//! Departures. EM chooses the hill: as long as a pass gains much, plain passes go alone; as long as one gains something,
//! steps along EM's flow (`chebyshev.rs`) cover three passes' way and more; only then does the ascent leave that path.
//! There is no line search: the quasi-Newton step is no longer than a multiple of EM's own, which doubles where it was in
//! the way and shrinks to a quarter where the likelihood fell, and then the memory is cleared. After a fall of either
//! kind the plain step is taken, which cannot fall. The inverse Hessian that the loops start from is EM's at the present
//! point, not a fixed one.

mod chebyshev;
mod coordinates;
mod lbfgs;

use std::str::FromStr;

use crate::error::{Error, Result};
use crate::mixture::Mixture;
use chebyshev::Chebyshev;
use coordinates::{Place, mixture_at};
use lbfgs::{Memory, Step, difference};

/// How many times as long as EM's a step may be at first.
const FIRST_REACH: f64 = 8.0;
/// As long as a pass gains more than this over k² (nats per sample), but within bounds, plain passes go on: they are quick
/// here, and choose the hill that EM would choose, the more slowly the more components there are.
const QUICK: f64 = 0.6;
const QUICK_BOUNDS: (f64, f64) = (1e-4, 1e-2);
/// Below this share of that gain the hill is taken as chosen.
const SLOW: f64 = 0.01;
/// The most passes of a step along EM's flow; longer steps end on other hills.
const MOST_STAGES: usize = 3;
/// Where the hill is open, quasi-Newton steps begin once a pass gains less than this.
const LEAPS_BELOW: f64 = 3e-3;

/// How passes are made fewer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Acceleration {
    /// Textbook EM: each pass starts from the last one's M-step.
    None,
    /// Steps along EM's flow, then quasi-Newton steps preconditioned by EM; plain steps where the likelihood would fall.
    Lbfgs,
    /// Quasi-Newton steps soon, whatever hill they lead to: for trials of many starts, and from the best of them.
    Leaps,
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
    /// How it was found.
    trial_is: Trial,
    /// Whether the likelihood kept is the last word on the passes so far: not within a step along the flow.
    pub(crate) arrived: bool,
    /// The likelihood of the point that is kept, and the M-step from there.
    kept: Option<(f64, Mixture)>,
    phase: Phase,
    /// Passes of the next step along the flow.
    stages: usize,
    reach: f64,
    reach_was_in_the_way: bool,
    memory: Memory,
}

/// What a pass looks at.
enum Trial {
    /// An M-step, or the start.
    Plain,
    /// A stage of a step along the flow, or its end.
    Stage(Chebyshev),
    /// The end of a quasi-Newton step.
    Leap,
}

/// What follows a point that is kept.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Phase {
    Plain,
    Flow,
    Newton,
}

impl Ascent {
    pub(crate) fn new(start: Mixture, acceleration: Acceleration, floor: f64, rounding: f64) -> Self {
        Self {
            acceleration,
            floor,
            rounding,
            trial: start,
            trial_is: Trial::Plain,
            arrived: false,
            kept: None,
            phase: Phase::Plain,
            stages: MOST_STAGES,
            reach: FIRST_REACH,
            reach_was_in_the_way: false,
            memory: Memory::default(),
        }
    }

    /// Takes what a pass found at the trial: its likelihood, and the M-step from there. Returns the likelihood kept.
    pub(crate) fn take(&mut self, log_likelihood: f64, next: Mixture) -> f64 {
        let best = self.kept.as_ref().map_or(f64::NEG_INFINITY, |kept| kept.0);
        self.arrived = !matches!(&self.trial_is, Trial::Stage(step) if !step.is_at_its_end());
        match std::mem::replace(&mut self.trial_is, Trial::Plain) {
            Trial::Stage(step) if !step.is_at_its_end() => {
                if self.go_on(step, &next).is_none() {
                    self.fall_back(&Trial::Plain);
                }
                best
            }
            fallen @ (Trial::Stage(_) | Trial::Leap) if self.fell(log_likelihood, best) => {
                self.fall_back(&fallen);
                best
            }
            trial => {
                self.accelerate(&trial, log_likelihood - best, &next);
                self.kept = Some((log_likelihood, next));
                log_likelihood
            }
        }
    }

    /// Goes on from where the last pass looked, which gained so much: sets the next trial.
    fn accelerate(&mut self, trial: &Trial, gain: f64, next: &Mixture) {
        let gain = if let Trial::Stage(step) = trial { gain / step.time } else { gain };
        let (quick, slow) = self.thresholds(next.n_components());
        if gain < slow {
            self.phase = Phase::Newton;
        } else if gain < quick {
            self.phase = self.phase.max(Phase::Flow);
        }
        if matches!(trial, Trial::Leap) && self.reach_was_in_the_way {
            self.reach *= 2.0;
        }
        self.stages = (self.stages + 1).min(MOST_STAGES);
        if self.leave(next).is_none() {
            self.trial = next.clone();
            self.trial_is = Trial::Plain;
        }
    }

    /// The gains of a pass below which the flow is followed, and below which it is left for quasi-Newton steps.
    fn thresholds(&self, k: usize) -> (f64, f64) {
        let (low, high) = QUICK_BOUNDS;
        let quick = (QUICK / (k as f64).powi(2)).clamp(low, high);
        match self.acceleration {
            Acceleration::None => (f64::NEG_INFINITY, f64::NEG_INFINITY),
            Acceleration::Lbfgs => (quick, SLOW * quick),
            Acceleration::Leaps => (LEAPS_BELOW, LEAPS_BELOW),
        }
    }

    /// Remembers the step from the trial, and leaves it by another than the plain one; `None` where there is none.
    fn leave(&mut self, next: &Mixture) -> Option<()> {
        if self.phase == Phase::Plain {
            return None;
        }
        let here = Place::new(&self.trial)?;
        let point = here.coordinates();
        let em = difference(&Place::new(next)?.coordinates(), &point);
        let step = Step { gradient: here.gradient(next), point, em };
        self.memory.add(&step);
        let (trial, trial_is) = if self.phase == Phase::Flow {
            let flow = Chebyshev::new(&step.point, &step.em, self.stages);
            (mixture_at(flow.point(), next, self.floor), Trial::Stage(flow))
        } else {
            let (end, in_the_way) = self.memory.leap(&here, &step, self.reach);
            self.reach_was_in_the_way = in_the_way;
            (end.and_then(|end| mixture_at(&end, next, self.floor)), Trial::Leap)
        };
        self.memory.last = Some(step);
        (self.trial, self.trial_is) = (trial?, trial_is);
        Some(())
    }

    /// The next stage of a step along the flow, from the M-step at the present one; `None` where it leads nowhere.
    fn go_on(&mut self, mut step: Chebyshev, next: &Mixture) -> Option<()> {
        step.go_on(&difference(&Place::new(next)?.coordinates(), &Place::new(&self.trial)?.coordinates()));
        self.trial = mixture_at(step.point(), next, self.floor)?;
        self.trial_is = Trial::Stage(step);
        Some(())
    }

    /// The plain step from the point that is kept comes next, and shorter ones after it.
    fn fall_back(&mut self, fallen: &Trial) {
        if let Some((_, plain)) = &self.kept {
            self.trial = plain.clone();
        }
        if matches!(fallen, Trial::Leap) {
            self.reach = (0.25 * self.reach).max(1.0);
            self.memory.pairs.clear();
        } else {
            self.stages = 1;
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
}
