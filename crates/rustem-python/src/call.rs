//! A call of the core: without Python's lock, with its interrupts, progress and exceptions.

use std::any::Any;
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, PoisonError};

use pyo3::call::PyCallArgs;
use pyo3::exceptions::{PyKeyboardInterrupt, PyMemoryError, PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use rustem_core::error::{Error, Result};
use rustem_core::memory::check_room;
use rustem_core::parallel::Threads;

/// Memory in which threads can start, and what is small finds its place.
const LEAST_ROOM: usize = 48 << 20;

/// Does `work` on up to `n_threads` threads while other threads of Python run; asks about every 50 ms whether a signal's
/// handler raised, as that of Ctrl-C does. What the handler, `progress`, or else the core, fails with is raised.
pub(crate) fn run<R: Send>(
    py: Python,
    n_threads: usize,
    progress: Option<&Py<PyAny>>,
    work: impl FnOnce(&Threads, &mut Report) -> Result<R> + Send,
) -> PyResult<R> {
    check_room("the work of the threads", LEAST_ROOM, 1).map_err(|error| raise(py, error))?;
    let mut report = Report { progress, failure: None };
    let signal = Mutex::new(None);
    #[expect(clippy::redundant_closure_for_method_calls, reason = "the method is not general enough in its lifetime")]
    // Handlers run on Python's main thread only; elsewhere this is never true.
    let interrupted = || match Python::attach(|py| py.check_signals()) {
        Ok(()) => false,
        Err(error) => {
            signal.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
            true
        }
    };
    // A panic would pass every `except Exception`.
    let guarded = AssertUnwindSafe(|| work(&Threads::new(n_threads, &interrupted), &mut report));
    let outcome = py.detach(|| catch_unwind(guarded)).map_err(|panic| internal_error(&*panic))?;
    match signal.into_inner().unwrap_or_else(PoisonError::into_inner).or(report.failure) {
        Some(error) => Err(error),
        None => outcome.map_err(|error| raise(py, error)),
    }
}

/// What a mistake of ours comes out as.
fn internal_error(panic: &(dyn Any + Send)) -> PyErr {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no reason given");
    PyRuntimeError::new_err(format!("an error inside rustem, please report it: {text}"))
}

/// Where work tells how far it is.
pub(crate) struct Report<'a> {
    progress: Option<&'a Py<PyAny>>,
    failure: Option<PyErr>,
}

impl Report<'_> {
    /// Calls the caller's function, if there is one; breaks the work off where that fails.
    pub(crate) fn tell(&mut self, arguments: impl for<'py> PyCallArgs<'py>) -> ControlFlow<()> {
        match self.progress.map(|callback| Python::attach(|py| callback.call1(py, arguments))) {
            Some(Err(error)) => {
                self.failure = Some(error);
                ControlFlow::Break(())
            }
            _ => ControlFlow::Continue(()),
        }
    }
}

/// The exception for a core error.
pub(crate) fn raise(py: Python, error: Error) -> PyErr {
    match error {
        Error::Interrupted => PyKeyboardInterrupt::new_err(()),
        Error::OutOfMemory { .. } => PyMemoryError::new_err(error.to_string()),
        other => {
            let message = other.to_string();
            py.import("rustem.exceptions")
                .and_then(|module| module.getattr("InvalidInputError"))
                .and_then(|class| class.call1((message.clone(),)))
                .map_or_else(|_| PyValueError::new_err(message), PyErr::from_value)
        }
    }
}
