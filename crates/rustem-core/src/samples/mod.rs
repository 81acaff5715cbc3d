//! A checked view of (n, d) samples with weights, and the layout in which the kernels read them.

mod frame;
mod weights;

use fearless_simd::Simd;

use crate::element::{Element, with_known_features};
use crate::error::{Error, Result};
use crate::memory::check_room;
use crate::morton;
use crate::parallel::LEAST_WORK;
use crate::simd::{Aligned, Real, dispatch, level};

pub(crate) use frame::Frame;
pub(crate) use weights::Weights;

/// Samples in one tile: a multiple of every vector width, so that no loop has a tail.
pub const TILE: usize = 128;
/// Sorting pays up to this number of features; boxes of more are hardly ever compact.
pub(crate) const MAX_SORTED_FEATURES: usize = morton::MAX_FEATURES;
/// Fewer tiles than this are not compact enough to sort them.
const MIN_SORTED_TILES: usize = 8;
/// Sorting takes 20 ns a sample. On photographs it saves 0.4 (full) to 0.9 ns (spherical) a pass with 8 components, three
/// times as much with 16; runs are longer than 20 passes.
const MIN_SORTED_COMPONENTS: usize = 8;
/// More samples are sorted part by part, in the cache: their tiles are as compact as those of a picture of this size.
const SORTED_TOGETHER: usize = 1 << 17;

/// Bytes that are kept of a sample beside its values: its place in an order, a key to sort by, a weight, a label.
const BYTES_BESIDE: usize = 32;
/// Standardised values are cut off here for predictions: with the steepest factors their squares stay far from overflow.
const FARTHEST: f64 = 1e130;

/// Samples standardised by one shift per feature and one scale, as `Frame` says, in tiles of [`TILE`] samples: feature by
/// feature within a tile, the last tile filled up with samples of weight zero.
///
/// The shift keeps `f32` accurate far from the origin; one *common* scale keeps distances and spherical families true.
/// Features of different units ask for scales in given ratios instead.
#[derive(Debug, Clone)]
pub struct Samples<T> {
    len: usize,
    n_features: usize,
    values: Aligned<T>,
    weights: Aligned<T>,
    total_weight: f64,
    /// The caller's number of each sample; empty where the order is the caller's.
    order: Vec<u32>,
    /// Of sorted samples: middle and half widths of each tile's box, (tiles, 2, features).
    boxes: Vec<T>,
    pub(crate) frame: Frame,
}

impl<T: Real> Samples<T> {
    /// Checks and lays out `rows` (n samples of `n_features` values, row after row), each value divided by `unit`.
    ///
    /// # Errors
    /// No samples or no weight; lengths that do not fit; NaN, infinite or too large values; negative weights.
    pub fn new<E: Element>(rows: &[E], n_features: usize, weights: Option<&[f64]>, unit: f64) -> Result<Self> {
        let (weights, frame) = check(rows, n_features, weights, &[])?;
        Self::lay_out(rows, &weights, (frame, unit), Vec::new())
    }

    /// Like [`Self::new`], for a fit of many passes with `n_components`: sorted into compact tiles where that pays, so
    /// that passes can leave out the components that are far from a tile. Results come back in the caller's order.
    /// `ratios` are the units of the features beside each other, positive; none: all are alike.
    ///
    /// # Errors
    /// As [`Self::new`]; ratios that do not fit.
    pub fn for_fit<E: Element>(
        rows: &[E],
        n_features: usize,
        weights: Option<&[f64]>,
        unit: f64,
        ratios: &[f64],
        n_components: usize,
    ) -> Result<Self> {
        let (weights, frame) = check(rows, n_features, weights, ratios)?;
        let n_samples = rows.len() / n_features;
        let pays = n_features <= MAX_SORTED_FEATURES
            && n_components >= MIN_SORTED_COMPONENTS
            && (MIN_SORTED_TILES * TILE..=u32::MAX as usize).contains(&n_samples);
        // Counted colours are.
        let sorted = n_features <= MAX_SORTED_FEATURES && morton::is_sorted(rows, n_features);
        let mut order = Vec::new();
        if pays && !sorted {
            for (run, rows) in rows.chunks(SORTED_TOGETHER * n_features).enumerate() {
                let first = (run * SORTED_TOGETHER) as u32;
                order.extend(morton::sorted(rows, n_features).into_iter().map(|key| first + key as u32));
            }
        }
        let mut samples = Self::lay_out(rows, &weights, (frame, unit), order)?;
        if sorted || pays {
            samples.boxes = boxes(&samples.values, n_features);
        }
        Ok(samples)
    }

    /// Lays out `rows` for a mixture that is asked about them, in its own `frame`: what it says of a row does not depend on
    /// the others. Values are cut off so far out that no square of theirs overflows.
    ///
    /// In single precision, rows further out than `limit` in some feature are not accurate: they are named, ascending, and
    /// stand here without weight. Neither weights nor lengths are checked.
    ///
    /// # Errors
    /// A value that is not finite.
    pub(crate) fn for_prediction<E: Element>(
        rows: &[E],
        weights: &Weights,
        unit: f64,
        frame: &Frame,
        limit: f64,
    ) -> Result<(Self, Vec<usize>)> {
        let d = frame.center.len();
        let center = frame.center.iter().map(|value| value * unit).collect();
        let scaled = Frame { center, scale: frame.scale * unit, ratios: frame.ratios.clone() };
        let single = size_of::<T>() == size_of::<f32>();
        let far = scaled.far_rows(rows, if single { limit } else { FARTHEST })?;
        let mut samples = Self::lay_out(rows, weights, (scaled, unit), Vec::new())?;
        for row in &far {
            let tile = &mut samples.values[row / TILE * TILE * d..][..TILE * d];
            for value in tile[row % TILE..].iter_mut().step_by(TILE) {
                *value = T::from_f64(if single { 0.0 } else { value.to_f64().clamp(-FARTHEST, FARTHEST) });
            }
            if single {
                samples.weights[*row] = T::default();
                samples.total_weight -= weights.of(*row);
            }
        }
        Ok((samples, if single { far } else { Vec::new() }))
    }

    fn lay_out<E: Element>(
        rows: &[E],
        weights: &Weights,
        (mut frame, unit): (Frame, f64),
        order: Vec<u32>,
    ) -> Result<Self> {
        let d = frame.center.len();
        let n_samples = rows.len() / d;
        let n_tiles = n_samples.div_ceil(TILE);
        check_room("the samples, laid out for the kernels,", n_tiles * TILE * (d + 1), size_of::<T>())?;
        // Where the last tile is short, its last sample is repeated without weight.
        let row_of = |sample: usize| order.get(sample).map_or(sample.min(n_samples - 1), |row| *row as usize);
        let mut values = Aligned::new(n_tiles * TILE * d);
        let mut tile_weights = Aligned::new(n_tiles * TILE);
        let (mut gathered, level) = (Vec::new(), level());
        for (index, tile) in values.chunks_exact_mut(TILE * d).enumerate() {
            let samples = index * TILE..(index + 1) * TILE;
            let tile_rows = if order.is_empty() && samples.end <= n_samples {
                &rows[samples.start * d..samples.end * d]
            } else {
                gathered.clear();
                samples.clone().for_each(|sample| gathered.extend_from_slice(&rows[row_of(sample) * d..][..d]));
                &gathered
            };
            dispatch!(level, simd => standardize(simd, tile_rows, &frame, tile));
            for sample in samples.start..samples.end.min(n_samples) {
                tile_weights[sample] = T::from_f64(weights.of(row_of(sample)));
            }
        }
        frame.center.iter_mut().for_each(|value| *value /= unit);
        frame.scale /= unit;
        let (len, weights, total_weight) = (n_samples, tile_weights, weights.total);
        Ok(Self { len, n_features: d, values, weights, total_weight, order, boxes: Vec::new(), frame })
    }

    /// About `count` samples that stand for all, in their order here: one at each of as many equal steps of weight.
    /// `None` where all are less than twice as many.
    pub(crate) fn thinned(&self, count: usize) -> Option<Self> {
        if self.len < 2 * count {
            return None;
        }
        let step = self.total_weight / count as f64;
        let (mut chosen, mut steps, mut sum) = (Vec::new(), Vec::new(), 0.5 * step);
        for (sample, weight) in self.weights[..self.len].iter().enumerate() {
            let before = (sum / step).floor();
            sum += weight.to_f64();
            let passed = (sum / step).floor() - before;
            if passed > 0.0 {
                chosen.push(sample);
                steps.push(passed);
            }
        }
        let d = self.n_features;
        let n_tiles = chosen.len().div_ceil(TILE);
        let (mut values, mut weights) = (Aligned::new(n_tiles * TILE * d), Aligned::new(n_tiles * TILE));
        for (slot, weight) in weights.iter_mut().enumerate() {
            *weight = T::from_f64(steps.get(slot).map_or(0.0, |steps| steps * step));
            let at = slot / TILE * TILE * d + slot % TILE;
            for (feature, value) in self.sample(chosen[slot.min(chosen.len() - 1)]).enumerate() {
                values[at + feature * TILE] = value;
            }
        }
        let total_weight = weights.iter().map(|weight: &T| weight.to_f64()).sum();
        let boxes = if self.boxes.is_empty() { Vec::new() } else { boxes(&values, d) };
        let (len, frame) = (chosen.len(), self.frame.clone());
        Some(Self { len, n_features: d, values, weights, total_weight, order: Vec::new(), boxes, frame })
    }

    /// Number of samples.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Never: empty input is refused.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Number of features of each sample.
    #[must_use]
    pub fn n_features(&self) -> usize {
        self.n_features
    }

    /// Sum of the weights.
    #[must_use]
    pub fn total_weight(&self) -> f64 {
        self.total_weight
    }

    pub(crate) fn n_tiles(&self) -> usize {
        self.weights.len() / TILE
    }

    /// One tile's values (feature by feature) and weights.
    pub(crate) fn tile(&self, tile: usize) -> (&[T], &[T]) {
        let size = TILE * self.n_features;
        (&self.values[tile * size..(tile + 1) * size], &self.weights[tile * TILE..(tile + 1) * TILE])
    }

    /// Middle and half widths of the box around one tile, where samples are sorted.
    pub(crate) fn tile_box(&self, tile: usize) -> Option<(&[T], &[T])> {
        let d = self.n_features;
        self.boxes.get(tile * 2 * d..(tile + 1) * 2 * d).map(|corners| corners.split_at(d))
    }

    /// Brings `rows` (n, each), one for each sample, into the caller's order.
    pub(crate) fn in_callers_order<R: Copy + Default>(&self, rows: Vec<R>, each: usize) -> Vec<R> {
        if self.order.is_empty() {
            return rows;
        }
        let mut sorted = vec![R::default(); rows.len()];
        for (row, to) in rows.chunks_exact(each).zip(&self.order) {
            sorted[*to as usize * each..(*to as usize + 1) * each].copy_from_slice(row);
        }
        sorted
    }

    /// Mean log-density in the samples' own unit, from a weighted sum over standardised ones.
    pub(crate) fn mean_log_density(&self, sum: f64) -> f64 {
        sum / self.total_weight() - self.log_jacobian()
    }

    /// What standardising took from each log-density.
    pub(crate) fn log_jacobian(&self) -> f64 {
        self.frame.log_jacobian()
    }

    /// One sample's standardised values.
    pub(crate) fn sample(&self, index: usize) -> impl Iterator<Item = T> {
        let (values, _) = self.tile(index / TILE);
        values[index % TILE..].iter().step_by(TILE).copied()
    }
}

/// Checks everything that comes from outside; returns the weights, and what standardises the rows.
pub(crate) fn check<'a, E: Element>(
    rows: &[E],
    n_features: usize,
    weights: Option<&'a [f64]>,
    ratios: &[f64],
) -> Result<(Weights<'a>, Frame)> {
    let weights = check_rows(rows, n_features, weights)?;
    if !ratios.is_empty() && ratios.len() != n_features {
        return Err(Error::Length { what: "ratios", expected: n_features, found: ratios.len() });
    }
    let frame = Frame::of(rows, n_features, &weights, ratios)?;
    Ok((weights, frame))
}

/// Checks lengths and weights.
pub(crate) fn check_rows<'a, E>(rows: &[E], n_features: usize, weights: Option<&'a [f64]>) -> Result<Weights<'a>> {
    if n_features == 0 || rows.is_empty() {
        return Err(Error::Empty);
    }
    let n_samples = rows.len() / n_features;
    let whole = n_samples * n_features;
    if rows.len() != whole {
        return Err(Error::Length { what: "samples", expected: whole, found: rows.len() });
    }
    check_room("what is kept of each sample", n_samples, BYTES_BESIDE)?;
    Weights::new(weights, n_samples)
}

/// As many tiles as are worth a block, with so many products for each sample.
pub(crate) fn tiles_per_block(work: usize) -> usize {
    LEAST_WORK.div_ceil(TILE * work)
}

/// Lays out a tile of rows feature by feature, less the centre and divided by its scale.
#[inline(always)]
#[expect(clippy::inline_always, reason = "it must become part of its caller's body for each CPU level")]
fn standardize<S: Simd, E: Element, T: Real>(_: S, rows: &[E], frame: &Frame, tile: &mut [T]) {
    with_known_features!(frame.center.len(), |d| {
        let features = tile.chunks_exact_mut(TILE).zip(&frame.center).zip(frame.scales());
        for (feature, ((values, center), scale)) in features.enumerate() {
            let inverse = 1.0 / scale;
            for (value, row) in values.iter_mut().zip(rows.chunks_exact(d)) {
                *value = T::from_f64((row[feature].to_f64() - center) * inverse);
            }
        }
    });
}

/// Middle and half widths of the box around each tile.
fn boxes<T: Real>(values: &[T], d: usize) -> Vec<T> {
    let mut boxes = Vec::with_capacity(values.len() / TILE * 2);
    for tile in values.chunks_exact(TILE * d) {
        let corners: Vec<_> = tile.as_chunks::<TILE>().0.iter().map(range).collect();
        boxes.extend(corners.iter().map(|(low, high)| T::from_f64(0.5 * (low + high))));
        // A little wider, so that rounding leaves no sample outside.
        boxes.extend(corners.iter().map(|(low, high)| {
            T::from_f64(0.5 * (high - low) * 1.001 + (low.abs() + high.abs()) * T::EPSILON.to_f64())
        }));
    }
    boxes
}

/// Smallest and largest value; in eight lanes, which the compiler turns into vectors.
fn range<T: Real>(values: &[T; TILE]) -> (f64, f64) {
    let (mut low, mut high) = ([values[0]; 8], [values[0]; 8]);
    for values in values.as_chunks::<8>().0 {
        for lane in 0..8 {
            low[lane] = if values[lane] < low[lane] { values[lane] } else { low[lane] };
            high[lane] = if values[lane] > high[lane] { values[lane] } else { high[lane] };
        }
    }
    let fold = |lanes: [T; 8], best: fn(f64, f64) -> f64| lanes.map(T::to_f64).into_iter().reduce(best);
    (fold(low, f64::min).unwrap_or_default(), fold(high, f64::max).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_samples_stand_for_all_by_their_weights() {
        let rows: Vec<f64> = (0..1000).map(f64::from).collect();
        let weights: Vec<f64> = (0..1000).map(|i| if i == 700 { 500.0 } else { 0.5 + f64::from(i % 2) }).collect();
        let samples = Samples::<f64>::for_fit(&rows, 1, Some(&weights), 1.0, &[], 8).expect("valid");
        let thinned = samples.thinned(300).expect("fewer");
        assert!(thinned.len() < 300 && thinned.len() > 190);
        assert!((thinned.total_weight() / samples.total_weight() - 1.0).abs() < 1e-2);
        let mean = |samples: &Samples<f64>| {
            let weights = (0..samples.n_tiles()).flat_map(|tile| samples.tile(tile).1.to_vec());
            let values = (0..samples.n_tiles()).flat_map(|tile| samples.tile(tile).0.to_vec());
            weights.zip(values).map(|(w, x)| w * x).sum::<f64>() / samples.total_weight()
        };
        assert!((mean(&samples) - mean(&thinned)).abs() < 1e-2);
        let heaviest = (0..thinned.n_tiles()).flat_map(|tile| thinned.tile(tile).1.to_vec()).fold(0.0, f64::max);
        assert!((heaviest - 500.0).abs() < 10.0);
        assert!(samples.thinned(501).is_none());
    }

    #[test]
    fn a_short_last_tile_is_filled_with_weightless_samples() {
        let samples = Samples::<f32>::new(&[0u8, 255, 51], 1, None, 255.0).expect("valid");
        assert_eq!((samples.len(), samples.n_tiles()), (3, 1));
        let (_, weights) = samples.tile(0);
        assert_eq!(weights[..4], [1.0, 1.0, 1.0, 0.0]);
        let back: Vec<f64> = (0..3)
            .flat_map(|i| samples.sample(i))
            .map(|x| f64::from(x) * samples.frame.scale + samples.frame.center[0])
            .collect();
        for (value, expected) in back.iter().zip([0.0, 1.0, 0.2]) {
            assert!((value - expected).abs() < 1e-7);
        }
    }

    #[test]
    fn sorted_samples_are_the_same_samples_in_compact_tiles() {
        let n = 40 * TILE + 5;
        let rows: Vec<u8> = (0..n * 3).map(|i| ((i / 3 * [7, 13, 29][i % 3]) % 251) as u8).collect();
        let weights: Vec<f64> = (0..n).map(|i| (i % 5) as f64).collect();
        let plain = Samples::<f32>::new(&rows, 3, Some(&weights), 255.0).expect("valid");
        let sorted = Samples::<f32>::for_fit(&rows, 3, Some(&weights), 255.0, &[], 32).expect("valid");
        let values = |samples: &Samples<f32>| (0..n).flat_map(|i| samples.sample(i)).collect::<Vec<f32>>();
        assert_eq!(sorted.in_callers_order(values(&sorted), 3), values(&plain));
        assert_eq!(sorted.in_callers_order(sorted.weights[..n].to_vec(), 1), plain.weights[..n]);
        assert!(plain.tile_box(0).is_none());
        let mut volume = 0.0;
        for tile in 0..sorted.n_tiles() {
            let (middle, half) = sorted.tile_box(tile).expect("sorted");
            for lane in 0..TILE {
                for (feature, value) in sorted.sample(tile * TILE + lane).enumerate() {
                    assert!((value - middle[feature]).abs() <= half[feature]);
                }
            }
            volume += half.iter().map(|half| f64::from(2.0 * half)).product::<f64>();
        }
        // Uniform colours: 40 tiles of the volume of one box around all would be 40 times this.
        assert!(volume < 2.5 * 12f64.powf(1.5), "{volume}");
    }

    #[test]
    fn rows_in_morton_order_are_left_in_it() {
        let near = |(a, b, c)| [a, b, c];
        let cube = [(0, 0, 0), (1, 0, 0), (0, 1, 0), (1, 1, 0), (0, 0, 1), (1, 0, 1), (0, 1, 1), (1, 1, 1), (2, 0, 0)];
        let rows: Vec<u8> = cube.into_iter().flat_map(near).collect();
        assert!(morton::is_sorted(&rows, 3));
        let samples = Samples::<f32>::for_fit(&rows, 3, None, 255.0, &[], 8).expect("valid");
        assert!(samples.order.is_empty() && samples.tile_box(0).is_some());
        for first in 0..cube.len() - 1 {
            let mut cube = cube;
            cube.swap(first, first + 1);
            assert!(!morton::is_sorted(&cube.into_iter().flat_map(near).collect::<Vec<u8>>(), 3));
        }
        assert!(!morton::is_sorted(&[0.0, 1.0], 1));
    }

    #[test]
    fn bad_input_is_refused() {
        let new = |rows: &[f64], d, weights| Samples::<f64>::new(rows, d, weights, 1.0).map(|_| ());
        assert_eq!(new(&[], 3, None), Err(Error::Empty));
        assert_eq!(new(&[1.0, f64::NAN], 2, None), Err(Error::NotFinite { row: 0, feature: 1 }));
        assert_eq!(
            new(&[1.0, 2.0], 1, Some(&[1.0])),
            Err(Error::Length { what: "sample_weight", expected: 2, found: 1 })
        );
        assert_eq!(new(&[1.0, 2.0], 1, Some(&[1.0, -1.0])), Err(Error::InvalidWeight { row: 1, weight: -1.0 }));
        assert_eq!(new(&[1.0, 2.0], 1, Some(&[0.0, 0.0])), Err(Error::Empty));
        assert_eq!(new(&[1e300, -1e300], 1, None), Err(Error::TooLarge));
    }
}
