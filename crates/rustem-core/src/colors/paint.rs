//! Painting: a row of a table for each pixel.

use crate::error::{Error, Result};
use crate::parallel::Threads;

/// Pixels that are painted at a time.
const BLOCK: usize = 1 << 16;

/// Fills `output` with `table[index]`: rows of `width` bytes, one for each pixel.
///
/// # Errors
/// An index outside the table; lengths that do not fit; an interruption.
pub fn paint(table: &[u8], width: usize, index: &[u32], output: &mut [u8], threads: &Threads) -> Result<()> {
    if output.len() != index.len() * width {
        return Err(Error::Length { what: "output", expected: index.len() * width, found: output.len() });
    }
    if width == 0 {
        return Ok(());
    }
    threads.map_chunks(output, BLOCK * width, |block, output, _| {
        let index = &index[block * BLOCK..];
        match width {
            1 => paint_rows::<1>(table, index, output),
            2 => paint_rows::<2>(table, index, output),
            3 => paint_rows::<3>(table, index, output),
            4 => paint_rows::<4>(table, index, output),
            6 => paint_rows::<6>(table, index, output),
            8 => paint_rows::<8>(table, index, output),
            _ => {
                for (row, number) in output.chunks_exact_mut(width).zip(index) {
                    let start = *number as usize * width;
                    row.copy_from_slice(table.get(start..start + width).ok_or_else(|| outside(*number))?);
                }
                Ok(())
            }
        }
    })?;
    Ok(())
}

fn paint_rows<const WIDTH: usize>(table: &[u8], index: &[u32], output: &mut [u8]) -> Result<()> {
    let (table, _) = table.as_chunks::<WIDTH>();
    let (rows, _) = output.as_chunks_mut::<WIDTH>();
    for (row, number) in rows.iter_mut().zip(index) {
        *row = *table.get(*number as usize).ok_or_else(|| outside(*number))?;
    }
    Ok(())
}

#[cold]
fn outside(number: u32) -> Error {
    Error::OutOfRange { name: "index", value: f64::from(number), range: "a row of the table" }
}
