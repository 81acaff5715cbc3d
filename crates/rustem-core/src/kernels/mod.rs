//! All that knows of SIMD: the fused E- and M-step over tiles of samples, assignment, and distances.
//!
//! A kernel is written once over the lanes of any CPU and any float type; `dispatch` instantiates it for each CPU
//! level and picks the level at run time. Tiles of [`crate::samples::TILE`] samples keep everything that a tile needs
//! in the first-level cache: its values, and one joint density per component and sample.

#![expect(clippy::inline_always, reason = "a kernel must be inlined into the function that enables its CPU features")]

mod aligned;
mod bounds;
mod boxes;
mod diagonal;
mod dispatch;
mod distances;
mod lanes;
mod small;
mod softmax;
mod wide;

pub(crate) use aligned::Aligned;
pub use dispatch::simd_level;
pub(crate) use dispatch::{
    Posterior, Workspace, box_margins, cluster_tile, fused_tiles, lower_tile, nearest_tile, posterior_tile,
    potentials_tile,
};
pub use lanes::Real;

use crate::covariance::CovarianceType;
use crate::mixture::Mixture;
use crate::samples::MAX_SORTED_FEATURES;
use bounds::Bounds;

/// How a component's density is calculated: tied covariances are full ones to a kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    Full,
    Diag,
    Spherical,
}

impl Form {
    pub(crate) const fn of(family: CovarianceType) -> Self {
        match family {
            CovarianceType::Full | CovarianceType::Tied => Self::Full,
            CovarianceType::Diag => Self::Diag,
            CovarianceType::Spherical => Self::Spherical,
        }
    }

    /// Sums of squares per component.
    pub(crate) const fn second_len(self, d: usize) -> usize {
        match self {
            Self::Full => d * (d + 1) / 2,
            Self::Diag => d,
            Self::Spherical => 1,
        }
    }
}

/// Fewer components than this are all looked at in every tile: on photographs, to ask takes 0.15 ns a sample and saves as
/// much with 4 components (0.2 ns spherical, 0.1 full).
const MIN_SKIPPED: usize = 4;

/// log₂ of the largest density at a component's mean: typical samples then have densities around 1.
const PEAK: f64 = 12.0;

/// A mixture as the kernels read it. Component by component: mean (d), factor, constant.
///
/// The factor is that of the precision, scaled so that the joint density in base 2 is constant − |factor (x − mean)|²:
/// lower triangle row by row (full), d values (diag), one value (spherical).
pub(crate) struct Densities<T> {
    pub(crate) form: Form,
    pub(crate) n_features: usize,
    pub(crate) n_components: usize,
    pub(crate) stride: usize,
    /// What the constants have been raised by, so that the largest is [`PEAK`]: densities then need no scaling of their
    /// own before they are added up.
    pub(crate) offset: T,
    pub(crate) parameters: Vec<T>,
    /// The factors of full covariances as [`wide`] reads them.
    panels: Vec<T>,
    /// Set where leaving out components may pay: few features, many components.
    pub(crate) bounds: Option<Bounds<T>>,
}

impl<T: Real> Densities<T> {
    /// From the mixture, and the inverse Cholesky factor with ½ ln det Σ⁻¹ of each of its covariances.
    pub(crate) fn new(mixture: &Mixture, factors: &[(Vec<f64>, f64)]) -> Self {
        let (k, d) = (mixture.n_components(), mixture.n_features);
        let form = Form::of(mixture.covariance_type);
        let factor_scale = (0.5 * std::f64::consts::LOG2_E).sqrt();
        let stride = d + form.second_len(d) + 1;
        let constants = (0..k).map(|j| {
            let constant =
                mixture.weights[j].ln() + factors[j % factors.len()].1 - 0.5 * d as f64 * std::f64::consts::TAU.ln();
            constant * std::f64::consts::LOG2_E
        });
        // Rounded first, so that it comes off again exactly.
        let offset = T::from_f64(PEAK - constants.clone().fold(T::LOWEST.to_f64(), f64::max));
        let mut parameters = Vec::with_capacity(k * stride);
        for (j, constant) in constants.enumerate() {
            let factor = &factors[j % factors.len()].0;
            let scaled = |value: &f64| T::from_f64(value * factor_scale);
            parameters.extend(mixture.means[j * d..(j + 1) * d].iter().map(|value| T::from_f64(*value)));
            match form {
                Form::Full => (0..d).for_each(|a| parameters.extend(factor[a * d..=a * d + a].iter().map(scaled))),
                Form::Diag | Form::Spherical => parameters.extend(factor.iter().map(scaled)),
            }
            parameters.push(T::from_f64((constant + offset.to_f64()).max(T::LOWEST.to_f64())));
        }
        let mut densities =
            Self { form, n_features: d, n_components: k, stride, offset, parameters, panels: Vec::new(), bounds: None };
        if densities.is_wide() {
            densities.panels = (0..k).flat_map(|j| wide::panels(&densities.of(j)[d..], d)).collect();
        }
        if d <= MAX_SORTED_FEATURES && k >= MIN_SKIPPED {
            densities.bounds = Some(Bounds::new(&densities));
        }
        densities
    }

    /// Whether [`wide`] has these densities.
    fn is_wide(&self) -> bool {
        self.form == Form::Full && self.n_features > small::MAX_FEATURES
    }

    /// The parameters of one component: mean, factor, constant.
    #[inline(always)]
    pub(crate) fn of(&self, component: usize) -> &[T] {
        &self.parameters[component * self.stride..(component + 1) * self.stride]
    }

    /// The factor of one full covariance in panels.
    #[inline(always)]
    fn panels_of(&self, component: usize) -> &[T] {
        let each = self.panels.len() / self.n_components;
        &self.panels[component * each..(component + 1) * each]
    }

    /// The means exactly as the kernels use them, (k, d): what moments are taken about.
    pub(crate) fn means(&self) -> Vec<f64> {
        (0..self.n_components).flat_map(|j| self.of(j)[..self.n_features].iter().map(|value| value.to_f64())).collect()
    }
}

/// Weighted sums of responsibilities over samples, about the components' means.
#[derive(Debug, Clone, PartialEq)]
pub struct Moments {
    /// Σ r (k,).
    pub mass: Vec<f64>,
    /// Σ r (x − mean) (k, d).
    pub first: Vec<f64>,
    /// Σ r (x − mean)(x − mean)ᵀ: lower triangles (k, d(d+1)/2), diagonals (k, d) or traces (k,).
    pub second: Vec<f64>,
    /// Σ w ln p(x).
    pub log_likelihood: f64,
}

impl Moments {
    pub(crate) fn zero(form: Form, k: usize, d: usize) -> Self {
        Self {
            mass: vec![0.0; k],
            first: vec![0.0; k * d],
            second: vec![0.0; k * form.second_len(d)],
            log_likelihood: 0.0,
        }
    }

    /// The sums of several sets of samples, added in their order.
    pub(crate) fn sum(zero: Self, parts: &[Self]) -> Self {
        let add = |to: &mut [f64], from: &[f64]| to.iter_mut().zip(from).for_each(|(to, from)| *to += from);
        parts.iter().fold(zero, |mut total, part| {
            add(&mut total.mass, &part.mass);
            add(&mut total.first, &part.first);
            add(&mut total.second, &part.second);
            total.log_likelihood += part.log_likelihood;
            total
        })
    }

    /// Adds one sample that belongs to one component with all its weight.
    #[inline]
    pub(crate) fn add(
        &mut self,
        form: Form,
        component: usize,
        weight: f64,
        difference: &(impl Iterator<Item = f64> + Clone),
    ) {
        let (mass, first, second) = self.of(component);
        *mass += weight;
        let mut squares = second.iter_mut();
        for (a, value) in difference.clone().enumerate() {
            let weighted = weight * value;
            first[a] += weighted;
            match form {
                Form::Full => {
                    difference.clone().take(a + 1).zip(squares.by_ref()).for_each(|(b, sum)| *sum += weighted * b);
                }
                Form::Diag => squares.by_ref().take(1).for_each(|sum| *sum += weighted * value),
                Form::Spherical => {}
            }
        }
        if form == Form::Spherical {
            squares.for_each(|sum| *sum += weight * difference.clone().map(|value| value * value).sum::<f64>());
        }
    }

    pub(crate) fn second_of(&self, component: usize) -> &[f64] {
        let each = self.second.len() / self.mass.len();
        &self.second[component * each..(component + 1) * each]
    }

    /// Where the kernels add their sums: (mass, first, second) of one component.
    fn of(&mut self, component: usize) -> (&mut f64, &mut [f64], &mut [f64]) {
        let (d, each) = (self.first.len() / self.mass.len(), self.second.len() / self.mass.len());
        (
            &mut self.mass[component],
            &mut self.first[component * d..(component + 1) * d],
            &mut self.second[component * each..(component + 1) * each],
        )
    }
}

/// Every CPU level that this machine has: tests run at each.
#[cfg(test)]
pub(crate) fn levels() -> Vec<fearless_simd::Level> {
    use fearless_simd::Level;
    let best = Level::new();
    #[cfg(target_arch = "x86_64")]
    let levels = [
        Some(Level::fallback()),
        best.as_sse2().map(Level::Sse2),
        best.as_avx2().map(Level::Avx2),
        best.as_avx512().map(Level::Avx512),
    ];
    #[cfg(not(target_arch = "x86_64"))]
    let levels = [Some(best)];
    levels.into_iter().flatten().collect()
}
