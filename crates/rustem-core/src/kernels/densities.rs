//! A mixture as the kernels read it.

use super::component_pruning::Bounds;
use super::moments::Form;
use super::{full_large, full_small};
use crate::covariance::{half_log_det_precision, map_covariances, precision_factor};
use crate::error::{Error, Result};
use crate::mixture::Mixture;
use crate::parallel::Threads;
use crate::samples::MAX_SORTED_FEATURES;
use crate::simd::Real;

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
    /// The factors of full covariances as [`full_large`] reads them.
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
            densities.panels = (0..k).flat_map(|j| full_large::panels(&densities.of(j)[d..], d)).collect();
        }
        if d <= MAX_SORTED_FEATURES && k >= MIN_SKIPPED {
            densities.bounds = Some(Bounds::new(&densities));
        }
        densities
    }

    /// Whether [`full_large`] has these densities.
    pub(super) fn is_large(&self) -> bool {
        self.form == Form::Full && self.n_features > full_small::MAX_FEATURES
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
