//! What the E-step leaves for the M-step: weighted sums of responsibilities.

use crate::covariance::CovarianceType;

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

/// Weighted sums of responsibilities over samples, about the components' means.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Moments {
    /// Σ r (k,).
    pub(crate) mass: Vec<f64>,
    /// Σ r (x − mean) (k, d).
    pub(crate) first: Vec<f64>,
    /// Σ r (x − mean)(x − mean)ᵀ: lower triangles (k, d(d+1)/2), diagonals (k, d) or traces (k,).
    pub(crate) second: Vec<f64>,
    /// Σ w ln p(x).
    pub(crate) log_likelihood: f64,
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
    pub(super) fn of(&mut self, component: usize) -> (&mut f64, &mut [f64], &mut [f64]) {
        let (d, each) = (self.first.len() / self.mass.len(), self.second.len() / self.mass.len());
        (
            &mut self.mass[component],
            &mut self.first[component * d..(component + 1) * d],
            &mut self.second[component * each..(component + 1) * each],
        )
    }
}
