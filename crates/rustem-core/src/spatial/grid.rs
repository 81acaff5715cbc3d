//! The neighbours of a pixel on a grid.

/// Calls `visit` for the up to four neighbours of a pixel.
pub(crate) fn for_neighbors(pixel: usize, width: usize, height: usize, mut visit: impl FnMut(usize)) {
    let (y, x) = (pixel / width, pixel % width);
    if x > 0 {
        visit(pixel - 1);
    }
    if x + 1 < width {
        visit(pixel + 1);
    }
    if y > 0 {
        visit(pixel - width);
    }
    if y + 1 < height {
        visit(pixel + width);
    }
}
