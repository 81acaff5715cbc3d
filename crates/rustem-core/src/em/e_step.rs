//! The E-step: moments of all samples, in one pass over blocks of them.

use crate::error::Result;
use crate::kernels::{Densities, Moments, Workspace, fused_tiles};
use crate::parallel::{LEAST_WORK, Threads};
use crate::samples::{Samples, TILE};
use crate::simd::Real;

/// Tiles whose `f32` sums are added up before they go over to `f64`.
pub(super) const TILES_PER_RUN: usize = 32;
/// The most blocks that a pass is cut into, and the most memory that their sums may take together.
const MAX_BLOCKS: usize = 64;
const MAX_SUMS: usize = 4 << 20;
/// The least of a block, so that adding up its sums is little beside its work.
const LEAST_TILES: usize = 4;

/// The E-step's moments over all samples: fixed blocks, added in their order.
pub(crate) fn expect<T: Real>(samples: &Samples<T>, densities: &Densities<T>, threads: &Threads) -> Result<Moments> {
    let (k, d) = (densities.n_components, densities.n_features);
    let zero = Moments::zero(densities.form, k, d);
    let sums = zero.mass.len() + zero.first.len() + zero.second.len();
    let work = samples.n_tiles() * TILE * (sums + 8 * k);
    let most = (MAX_SUMS / sums).clamp(4, MAX_BLOCKS).min(samples.n_tiles().div_ceil(LEAST_TILES));
    let n_blocks = (work / LEAST_WORK).clamp(1, most);
    let block_tiles = samples.n_tiles().div_ceil(n_blocks);
    let blocks = threads.map(samples.n_tiles().div_ceil(block_tiles), |block, checkpoint| {
        let mut moments = zero.clone();
        let end = samples.n_tiles().min((block + 1) * block_tiles);
        let fits = |workspace: &Workspace<T>| workspace.fits(densities);
        threads.with_scratch(
            fits,
            || Workspace::new(densities),
            |workspace| {
                for start in (block * block_tiles..end).step_by(TILES_PER_RUN) {
                    checkpoint.pass()?;
                    let tiles = start..end.min(start + TILES_PER_RUN);
                    fused_tiles(samples, tiles, densities, workspace, &mut moments);
                }
                Ok(moments)
            },
        )
    })?;
    Ok(Moments::sum(zero, &blocks))
}
