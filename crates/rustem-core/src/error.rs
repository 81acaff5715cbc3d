//! The one error enum of the crate.

/// Why an input was refused or a computation ended early; each message says what is wrong and what to do.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// There is nothing to fit.
    #[error("there are no samples: give at least one with a positive weight")]
    Empty,
    /// A sample is NaN or infinite.
    #[error("sample {row} is NaN or infinite in feature {feature}: mask or replace such values first")]
    NotFinite {
        /// Index of the sample.
        row: usize,
        /// Index of the feature.
        feature: usize,
    },
    /// Values too large for their squares to be represented.
    #[error("the samples' values are too large to be squared: rescale them first")]
    TooLarge,
    /// A weight is negative, NaN or infinite.
    #[error("sample_weight[{row}] is {weight}: weights must be finite and not negative")]
    InvalidWeight {
        /// Index of the sample.
        row: usize,
        /// The weight found there.
        weight: f64,
    },
    /// An array has another length than the others ask for.
    #[error("{what} has {found} values, but {expected} are needed")]
    Length {
        /// Which array.
        what: &'static str,
        /// The length that fits the other arguments.
        expected: usize,
        /// The length found.
        found: usize,
    },
    /// A parameter out of its range.
    #[error("{name} is {value}: it must be {range}")]
    OutOfRange {
        /// The parameter's name.
        name: &'static str,
        /// The value found.
        value: f64,
        /// What is allowed, in words.
        range: &'static str,
    },
    /// A string that names no option.
    #[error("{name} {value:?} is unknown: choose one of {choices}")]
    UnknownChoice {
        /// The option's name.
        name: &'static str,
        /// What was given.
        value: String,
        /// What can be given.
        choices: &'static str,
    },
    /// A covariance or precision matrix that is no such thing.
    #[error(
        "the {what} of component {component} is not symmetric positive-definite: raise reg_covar or give another start"
    )]
    NotPositiveDefinite {
        /// "covariance" or "precision".
        what: &'static str,
        /// Index of the component.
        component: usize,
    },
    /// More memory is needed than there is.
    #[error("{what} would take {:.1} GB of memory, which there is not", *bytes as f64 / 1e9)]
    OutOfMemory {
        /// What was to be kept.
        what: &'static str,
        /// How many bytes were asked for.
        bytes: u64,
    },
    /// The caller asked to stop.
    #[error("interrupted")]
    Interrupted,
}

/// Results of this crate.
pub type Result<T> = std::result::Result<T, Error>;
