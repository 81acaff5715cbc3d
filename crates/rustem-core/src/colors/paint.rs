//! Painting: a row of a table for each pixel.

use crate::error::{Error, Result};
use crate::parallel::Threads;

/// Pixels that are painted at a time.
const BLOCK: usize = 1 << 16;

/// What picks a row: the number of a colour, or a label, of which a negative one stands for none.
pub trait Index: Copy + Sync {
    /// The row, `last` for none.
    fn row(self, last: usize) -> usize;
}

impl Index for u32 {
    fn row(self, _: usize) -> usize {
        self as usize
    }
}

impl Index for i16 {
    fn row(self, last: usize) -> usize {
        usize::try_from(self).unwrap_or(last)
    }
}

impl Index for i32 {
    fn row(self, last: usize) -> usize {
        usize::try_from(self).unwrap_or(last)
    }
}

/// Fills `output` with `table[index]`: rows of `width` bytes, one for each pixel; the last row where a label is none.
///
/// # Errors
/// An index outside the table; lengths that do not fit; an interruption.
pub fn paint<I: Index>(table: &[u8], width: usize, index: &[I], output: &mut [u8], threads: &Threads) -> Result<()> {
    if output.len() != index.len() * width {
        return Err(Error::Length { what: "output", expected: index.len() * width, found: output.len() });
    }
    if width == 0 {
        return Ok(());
    }
    threads.map_chunks(output, BLOCK * width, |block, output, _| {
        let index = &index[block * BLOCK..];
        match width {
            1 => paint_rows::<1, _>(table, index, output),
            2 => paint_rows::<2, _>(table, index, output),
            3 => paint_rows::<3, _>(table, index, output),
            4 => paint_rows::<4, _>(table, index, output),
            6 => paint_rows::<6, _>(table, index, output),
            8 => paint_rows::<8, _>(table, index, output),
            _ => {
                let last = (table.len() / width).saturating_sub(1);
                for (row, number) in output.chunks_exact_mut(width).zip(index) {
                    let number = number.row(last);
                    let start = number * width;
                    row.copy_from_slice(table.get(start..start + width).ok_or_else(|| outside(number))?);
                }
                Ok(())
            }
        }
    })?;
    Ok(())
}

fn paint_rows<const WIDTH: usize, I: Index>(table: &[u8], index: &[I], output: &mut [u8]) -> Result<()> {
    let (table, _) = table.as_chunks::<WIDTH>();
    let (rows, _) = output.as_chunks_mut::<WIDTH>();
    let last = table.len().saturating_sub(1);
    for (row, number) in rows.iter_mut().zip(index) {
        let number = number.row(last);
        *row = *table.get(number).ok_or_else(|| outside(number))?;
    }
    Ok(())
}

#[cold]
fn outside(number: usize) -> Error {
    Error::OutOfRange { name: "index", value: number as f64, range: "a row of the table" }
}
