//! Memory, asked for before it is needed.
//!
//! A failed allocation ends the process, and with it whatever else it was doing. What grows with the caller's numbers is
//! therefore asked for in one piece first, and given back.

use crate::error::{Error, Result};

/// Checks that there is room for `count` values of `bytes` bytes each.
///
/// # Errors
/// There is none.
pub fn check_room(what: &'static str, count: usize, bytes: usize) -> Result<()> {
    let wanted = count.saturating_mul(bytes);
    let refused = Vec::<u8>::new().try_reserve_exact(wanted).is_err();
    if refused { Err(Error::OutOfMemory { what, bytes: wanted as u64 }) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_had_is_refused() {
        assert_eq!(check_room("a label", 1, 4), Ok(()));
        let bytes = u64::MAX;
        assert_eq!(check_room("labels", usize::MAX, 8), Err(Error::OutOfMemory { what: "labels", bytes }));
        assert!(check_room("labels", 1 << 50, 8).is_err());
    }
}
