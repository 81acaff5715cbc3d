"""Gaussian mixtures of samples: the model, its fit by EM, scikit-learn's estimator. Knows no pictures."""

from rustem.mixture.fitting import FitResult, fit_mixture
from rustem.mixture.model import Mixture

__all__ = ["FitResult", "Mixture", "fit_mixture"]
