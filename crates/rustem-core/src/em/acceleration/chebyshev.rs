//! Long steps along EM's flow: several passes cover the way of many.
//!
//! EM is Euler's method, of step 1, on the flow dθ/dt = M(θ) − θ, whose rates lie between −1 and, near a saddle, a little
//! above 0. The Chebyshev polynomials of stabilised Runge–Kutta methods (van der Houwen & Sommeijer 1980, Z. Angew. Math.
//! Mech. 60:479–485, first order) make s passes stable up to a time of about 1.3 s², so that slow motion is sooner over
//! and goes the same way. Their damping leaves half of the fastest motion at a step's end.

/// Damping: the polynomial of the fastest rate is about one over cosh √(2 · this).
const DAMPING: f64 = 1.0;

/// A step under way.
pub(crate) struct Chebyshev {
    before: Vec<f64>,
    at: Vec<f64>,
    stage: usize,
    stages: usize,
    /// The length of the whole step in passes of EM.
    pub(crate) time: f64,
    /// Where the polynomials are taken for a rate of 0, and how far from there a rate moves them.
    center: f64,
    slope: f64,
}

impl Chebyshev {
    /// The first of two or more `stages` from `start`, where EM steps by `em`.
    pub(crate) fn new(start: &[f64], em: &[f64], stages: usize) -> Self {
        let center = 1.0 + DAMPING / (stages * stages) as f64;
        let (value, derivative) = polynomial(stages, center);
        let slope = value / derivative;
        let time = (1.0 + center) / slope;
        let at = start.iter().zip(em).map(|(from, em)| from + slope / center * time * em).collect();
        Self { before: start.to_vec(), at, stage: 1, stages, time, center, slope }
    }

    /// Where the next pass looks.
    pub(crate) fn point(&self) -> &[f64] {
        &self.at
    }

    /// Whether that is the end of the step.
    pub(crate) fn is_at_its_end(&self) -> bool {
        self.stage == self.stages
    }

    /// Goes on to the next stage with EM's step from the present one.
    pub(crate) fn go_on(&mut self, em: &[f64]) {
        self.stage += 1;
        let value = |degree| polynomial(degree, self.center).0;
        let ratio = value(self.stage - 1) / value(self.stage);
        let (ahead, back) = (2.0 * self.center * ratio, -value(self.stage - 2) / value(self.stage));
        let times = 2.0 * self.slope * ratio * self.time;
        for ((before, at), em) in self.before.iter_mut().zip(&mut self.at).zip(em) {
            let next = ahead * *at + back * *before + times * em;
            *before = std::mem::replace(at, next);
        }
    }
}

/// The Chebyshev polynomial of the first kind of this degree, and its derivative.
fn polynomial(degree: usize, x: f64) -> (f64, f64) {
    let ((mut before, mut value), (mut slope_before, mut slope)) = ((1.0, x), (0.0, 1.0));
    for _ in 0..degree {
        (before, value, slope_before, slope) =
            (value, 2.0 * x * value - before, slope, 2.0 * (value + x * slope) - slope_before);
    }
    (before, slope_before)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a step of so many stages makes of a deviation of 1 that decays at this rate, and its time.
    fn shrunk(rate: f64, stages: usize) -> (f64, f64) {
        let mut step = Chebyshev::new(&[1.0], &[-rate], stages);
        while !step.is_at_its_end() {
            let em = -rate * step.point()[0];
            step.go_on(&[em]);
        }
        (step.point()[0], step.time)
    }

    #[test]
    fn slow_motion_is_followed_and_none_grows() {
        for stages in 2..9 {
            for rate in [-1e-4, 1e-5, 1e-4, 1e-3] {
                let (left, time) = shrunk(rate, stages);
                assert!((left - (-rate * time).exp()).abs() < (rate * time).powi(2), "{stages} {rate} {left}");
            }
            assert!((0..=100).all(|percent| shrunk(f64::from(percent) / 100.0, stages).0.abs() <= 1.0 + 1e-12));
            assert!(shrunk(1.0, stages).0.abs() < 0.5);
            assert!(shrunk(0.1, stages).1 > 1.2 * (stages * stages) as f64);
        }
    }
}
