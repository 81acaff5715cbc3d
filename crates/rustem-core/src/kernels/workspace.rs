//! Room for the E- and M-step of one tile after another.

use super::densities::Densities;
use super::full_large;
use super::moments::Form;
use crate::samples::TILE;
use crate::simd::{Aligned, Real, Row};

/// What one tile's E-step gives, reused from tile to tile.
pub(crate) struct Posterior<T> {
    /// The components that count in this tile.
    pub(super) components: Vec<u32>,
    /// Those whose log₂ density stays below this do not count.
    pub(super) least: Option<T>,
    /// Their densities relative to one number for each sample, a row of TILE each.
    pub(crate) joint: Aligned<T>,
    /// Times this, they are responsibilities.
    pub(crate) inverse: Row<[T; TILE]>,
    /// log₂ p(x).
    pub(crate) log_density: Row<[T; TILE]>,
    /// The component with the largest responsibility.
    pub(crate) best: Row<[T; TILE]>,
    pub(super) bounds: Aligned<T>,
    pub(super) scratch: full_large::Scratch<T>,
}

impl<T: Real> Posterior<T> {
    pub(crate) fn new(densities: &Densities<T>) -> Self {
        let wide_features = if densities.is_large() { densities.n_features } else { 0 };
        Self {
            components: (0..densities.n_components as u32).collect(),
            least: None,
            joint: Aligned::new(densities.n_components * TILE),
            inverse: Row([T::default(); TILE]),
            log_density: Row([T::default(); TILE]),
            best: Row([T::default(); TILE]),
            bounds: Aligned::new(densities.n_components + TILE),
            scratch: full_large::Scratch::new(densities.n_components, wide_features),
        }
    }

    /// Forgets what earlier tiles have left: which these were may depend on threads.
    pub(super) fn restart(&mut self, densities: &Densities<T>) {
        self.all_components(densities);
        self.least = None;
        self.scratch.restart(densities.n_components);
    }

    pub(super) fn all_components(&mut self, densities: &Densities<T>) {
        self.components.clear();
        self.components.extend(0..densities.n_components as u32);
    }
}

/// Room for E- and M-step, megabytes where there are many components: kept from pass to pass, because memory fresh from
/// the system costs more than the work on it.
pub(crate) struct Workspace<T> {
    shape: (Form, usize, usize),
    pub(super) posterior: Posterior<T>,
    pub(super) sums: Aligned<T>,
}

impl<T: Real> Workspace<T> {
    pub(crate) fn new(densities: &Densities<T>) -> Self {
        let shape = (densities.form, densities.n_components, densities.n_features);
        Self { shape, posterior: Posterior::new(densities), sums: Aligned::new(0) }
    }

    pub(crate) fn fits(&self, densities: &Densities<T>) -> bool {
        self.shape == (densities.form, densities.n_components, densities.n_features)
    }
}
