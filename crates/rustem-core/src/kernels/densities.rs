//! A mixture as the kernels read it.

use super::moments::Form;
use crate::covariance::{half_log_det_precision, map_covariances, precision_factor};
use crate::error::{Error, Result};
use crate::mixture::Mixture;
use crate::parallel::Threads;
use crate::samples::MAX_SORTED_FEATURES;
use crate::simd::Real;

/// Up to this number of features full covariances have a kernel of their own.
const MAX_SMALL: usize = 8;
/// Rows of a product that share each load of a vector: with two vectors, 12 sums fit the 16 registers of AVX2.
pub(super) const ROWS: usize = 6;
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
    /// The factors of full covariances as [`super::full_large`] reads them.
    panels: Vec<T>,
    /// Set where leaving out components may pay: few features, many components.
    pub(crate) bounds: Option<Bounds<T>>,
}

impl<T: Real> Densities<T> {
    /// From the parameters of a mixture.
    ///
    /// # Errors
    /// A covariance that is not positive-definite; an interruption.
    pub(crate) fn new(mixture: &Mixture, threads: &Threads) -> Result<Self> {
        let (family, d) = (mixture.covariance_type, mixture.n_features);
        let each = family.values_each(d);
        let factors = map_covariances(family.count(mixture.n_components()), d, threads, |component| {
            let factor = precision_factor(&mixture.covariances[component * each..(component + 1) * each], family, d)
                .ok_or(Error::NotPositiveDefinite { what: "covariance", component })?;
            let half_log_det = half_log_det_precision(&factor, family, d);
            Ok((factor, half_log_det))
        })?;
        Ok(Self::from_factors(mixture, &factors))
    }

    /// The largest number in a factor: what rounding of a sample is multiplied with.
    pub(crate) fn steepest(&self) -> f64 {
        let factors = self.parameters.chunks_exact(self.stride).flat_map(|one| &one[self.n_features..self.stride - 1]);
        factors.fold(0.0, |steepest, value| value.to_f64().abs().max(steepest))
    }

    /// From the mixture, and the inverse Cholesky factor with ½ ln det Σ⁻¹ of each of its covariances.
    fn from_factors(mixture: &Mixture, factors: &[(Vec<f64>, f64)]) -> Self {
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
        if densities.is_large() {
            densities.panels = (0..k).flat_map(|j| panels(&densities.of(j)[d..], d)).collect();
        }
        if d <= MAX_SORTED_FEATURES && k >= MIN_SKIPPED {
            densities.bounds = Some(Bounds::new(&densities));
        }
        densities
    }

    /// Whether [`super::full_large`] has these densities.
    pub(super) fn is_large(&self) -> bool {
        self.form == Form::Full && self.n_features > MAX_SMALL
    }

    /// The parameters of one component: mean, factor, constant.
    #[inline(always)]
    pub(crate) fn of(&self, component: usize) -> &[T] {
        &self.parameters[component * self.stride..(component + 1) * self.stride]
    }

    /// The factor of one full covariance in panels.
    #[inline(always)]
    pub(super) fn panels_of(&self, component: usize) -> &[T] {
        let each = self.panels.len() / self.n_components;
        &self.panels[component * each..(component + 1) * each]
    }

    /// The means exactly as the kernels use them, (k, d): what moments are taken about.
    pub(crate) fn means(&self) -> Vec<f64> {
        (0..self.n_components).flat_map(|j| self.of(j)[..self.n_features].iter().map(|value| value.to_f64())).collect()
    }
}

/// A multiple of every vector width.
const PADDING: usize = 16;

/// The parameters of [`Densities`], one row each, with the components along the lanes.
pub(crate) struct Bounds<T> {
    pub(super) rows: Vec<T>,
    pub(super) padded: usize,
    pub(super) margin: T,
}

impl<T: Real> Bounds<T> {
    fn new(densities: &Densities<T>) -> Self {
        let padded = densities.n_components.next_multiple_of(PADDING);
        let mut rows = vec![T::ONE; densities.stride * padded];
        rows[(densities.stride - 1) * padded..].fill(T::LOWEST);
        for (component, parameters) in densities.parameters.chunks_exact(densities.stride).enumerate() {
            rows[component..].iter_mut().step_by(padded).zip(parameters).for_each(|(to, from)| *to = *from);
        }
        let margin = negligible::<T>(densities.n_components);
        Self { rows, padded, margin: T::from_f64(margin) }
    }
}

/// By how many powers of two a component may fall behind before it is lost in rounding.
pub(super) fn negligible<T: Real>(n_components: usize) -> f64 {
    f64::from(T::MANTISSA_BITS) + 2.0 + (n_components as f64).log2().ceil()
}

/// A lower triangle, row by row, in panels of [`ROWS`] rows, column by column, zeros above the diagonal.
fn panels<T: Real>(triangle: &[T], d: usize) -> Vec<T> {
    let mut panels = Vec::new();
    for start in (0..d).step_by(ROWS) {
        for column in 0..d.min(start + ROWS) {
            panels.extend((start..start + ROWS).map(|row| {
                if column <= row && row < d { triangle[row * (row + 1) / 2 + column] } else { T::default() }
            }));
        }
    }
    panels
}
