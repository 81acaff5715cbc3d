//! The nearest colour of a palette, exactly, after a handful of comparisons.
//!
//! A grid over the box that all colours lie in; each cell lists the colours that are nearest to one of its points.
//! A colour is left out of a cell where another one's largest distance to the cell is below its smallest: K. Fukunaga
//! and P. M. Narendra, "A branch and bound algorithm for computing k-nearest neighbors", IEEE Transactions on
//! Computers C-24 (1975) 750-753, [doi:10.1109/T-C.1975.224297](https://doi.org/10.1109/T-C.1975.224297), with cells in
//! place of clusters. Linear light is crowded at its dark end, and around grey: the grid's lines are drawn at
//! equal steps of each feature's square root.

/// A colour of up to four features, the rest zero.
pub(super) type Point = [f32; 4];

/// Halvings of the box along each axis, by the number of features.
const HALVINGS: [u32; 5] = [0, 8, 6, 5, 4];
/// Added to a number below 2^16, this leaves the number rounded in the lowest bits of the float.
const ROUNDER: f32 = 8_388_608.0;
/// Widening of the cells, in cells, that covers the rounding of a point's place.
const MARGIN: f32 = 0.01;
/// A palette, made ready for the search.
#[derive(Debug, Clone)]
pub(super) struct Nearest {
    /// The palette (k,).
    pub colors: Vec<Point>,
    low: Point,
    high: Point,
    /// Square roots of `low`.
    origin: Point,
    /// Cells per unit of the square root; 0 along an axis without extent.
    scale: Point,
    n_features: usize,
    /// For each cell, its part of `candidates`.
    cells: Vec<(u32, u32)>,
    candidates: Vec<u32>,
    /// The colours of the candidates.
    points: Vec<Point>,
}

impl Nearest {
    /// Prepares a palette of finite colours of `n_features` (1 to 4), for searches in the box of the palette and the
    /// `others`.
    #[must_use]
    pub(super) fn new(colors: Vec<Point>, n_features: usize, others: impl Iterator<Item = Point>) -> Self {
        let (mut low, mut high) = ([f32::INFINITY; 4], [f32::NEG_INFINITY; 4]);
        for point in colors.iter().copied().chain(others) {
            for axis in 0..4 {
                low[axis] = low[axis].min(point[axis]);
                high[axis] = high[axis].max(point[axis]);
            }
        }
        let halvings = HALVINGS[n_features];
        let scale = std::array::from_fn(|axis| {
            let scale = (1 << halvings) as f32 / (root(high[axis]) - root(low[axis]));
            if axis < n_features && scale.is_finite() { scale } else { 0.0 }
        });
        let mut grid = Self {
            low,
            high,
            origin: low.map(root),
            scale,
            n_features,
            cells: vec![(0, 0); 1 << (halvings as usize * n_features)],
            candidates: Vec::new(),
            points: Vec::new(),
            colors,
        };
        let all = distinct(&grid.colors);
        grid.divide([0; 4], halvings, &all);
        grid
    }

    /// Lists the candidates of the cells from `corner` on, 2^`halvings` of them along each axis.
    fn divide(&mut self, corner: [u32; 4], halvings: u32, candidates: &[u32]) {
        let near = self.near(corner, 1 << halvings, candidates);
        if halvings == 0 {
            let cell = self.cell(corner);
            self.cells[cell] = (self.candidates.len() as u32, near.len() as u32);
            self.points.extend(near.iter().map(|each| self.colors[*each as usize]));
            self.candidates.extend(near);
            return;
        }
        for half in 0..1u32 << self.n_features {
            let child = std::array::from_fn(|axis| corner[axis] + (((half >> axis) & 1) << (halvings - 1)));
            self.divide(child, halvings - 1, &near);
        }
    }

    /// The number of a cell.
    #[inline]
    fn cell(&self, [x, y, z, w]: [u32; 4]) -> usize {
        (match self.n_features {
            1 => x,
            2 => x | y << 6,
            3 => x | y << 5 | z << 10,
            _ => x | y << 4 | z << 8 | w << 12,
        }) as usize
    }

    /// Those of the candidates that are nearest to some point of the cube of `side` cells from `corner` on.
    fn near(&self, corner: [u32; 4], side: u32, candidates: &[u32]) -> Vec<u32> {
        let bounds: Vec<(f32, f32)> = candidates
            .iter()
            .map(|candidate| {
                let color = self.colors[*candidate as usize];
                let (mut least, mut most) = (0.0, 0.0);
                for axis in 0..4 {
                    let Some(width) = (self.scale[axis] > 0.0).then(|| 1.0 / self.scale[axis]) else { continue };
                    let line = |number: f32| self.origin[axis] + number * width;
                    let from = square(line(corner[axis] as f32 - MARGIN));
                    let to = square(line((corner[axis] + side) as f32 + MARGIN));
                    let (below, above) = (from - color[axis], color[axis] - to);
                    least += below.max(above).max(0.0).powi(2);
                    most += below.min(above).powi(2);
                }
                (least, most)
            })
            .collect();
        let bound = bounds.iter().map(|(_, most)| *most).fold(f32::INFINITY, f32::min) * 1.000_01;
        candidates.iter().zip(&bounds).filter(|(_, (least, _))| *least <= bound).map(|(each, _)| *each).collect()
    }

    /// The point of the box that is nearest to `point`.
    #[must_use]
    pub(super) fn clamp(&self, point: Point) -> Point {
        std::array::from_fn(|axis| point[axis].max(self.low[axis]).min(self.high[axis]))
    }

    /// The nearest colour to a point of the box; of equally near ones, the first.
    #[inline]
    #[must_use]
    pub(super) fn find(&self, point: Point) -> u32 {
        // A place is between -0.5 and half a cell beyond the last: the ends are folded into the first and the last cell.
        let last = ((1 << HALVINGS[self.n_features]) - 1) as f32;
        let corner: [u32; 4] = std::array::from_fn(|axis| {
            let place = (root(point[axis]) - self.origin[axis]) * self.scale[axis] - 0.5;
            (place.max(0.0).min(last) + ROUNDER).to_bits() & 0xFFFF
        });
        let (start, length) = self.cells[self.cell(corner)];
        let points = &self.points[start as usize..][..length as usize];
        let (mut best, mut nearest) = (0, f32::INFINITY);
        for (number, other) in points.iter().enumerate() {
            let distance = squared_distance(point, *other);
            best = if distance < nearest { number } else { best };
            nearest = nearest.min(distance);
        }
        self.candidates[start as usize + best]
    }

    /// The largest distance of a colour to the one next to it; 0 for a single colour. Of a palette of thousands, a
    /// thousand colours are looked at.
    #[must_use]
    pub(super) fn spacing(&self) -> f32 {
        let distinct = distinct(&self.colors);
        let next = |one: &u32| {
            let others = distinct.iter().filter(|other| *other != one);
            others.map(|other| self.between(*one, *other)).fold(f32::INFINITY, f32::min)
        };
        let some = distinct.iter().step_by(distinct.len().div_ceil(1024));
        if distinct.len() < 2 { 0.0 } else { some.map(next).fold(0.0, f32::max).sqrt() }
    }

    /// For each colour, the distance to the `number`-th nearest of the others, equal ones left out; to the furthest, if
    /// they are fewer. Of a palette of thousands, each is compared with a thousand.
    #[must_use]
    pub(super) fn spacings(&self, number: usize) -> Vec<f32> {
        let distinct = distinct(&self.colors);
        let some: Vec<Point> =
            distinct.iter().step_by(distinct.len().div_ceil(1024)).map(|one| self.point(*one)).collect();
        let mut distances = Vec::with_capacity(some.len());
        let mut spacing = |color: &Point| {
            let all = some.iter().map(|other| squared_distance(*color, *other));
            distances.clear();
            distances.extend(all.filter(|distance| *distance > 0.0));
            let last = number.min(distances.len()).checked_sub(1)?;
            Some(distances.select_nth_unstable_by(last, f32::total_cmp).1.sqrt())
        };
        self.colors.iter().map(|color| spacing(color).unwrap_or(0.0)).collect()
    }

    fn point(&self, number: u32) -> Point {
        self.colors[number as usize]
    }

    fn between(&self, one: u32, other: u32) -> f32 {
        squared_distance(self.point(one), self.point(other))
    }
}

/// The square root, on both sides of zero.
#[inline]
fn root(value: f32) -> f32 {
    value.abs().sqrt().copysign(value)
}

/// What [`root`] undoes.
fn square(value: f32) -> f32 {
    value * value.abs()
}

/// Squared Euclidean distance.
#[inline]
#[must_use]
pub(super) fn squared_distance(a: Point, b: Point) -> f32 {
    let [x, y, z, w]: Point = std::array::from_fn(|axis| (a[axis] - b[axis]) * (a[axis] - b[axis]));
    (x + y) + (z + w)
}

/// Indices of the first of each group of equal colours, ascending.
fn distinct(colors: &[Point]) -> Vec<u32> {
    let bits = |index: &u32| colors[*index as usize].map(|value| (value + 0.0).to_bits());
    let mut order: Vec<u32> = (0..colors.len() as u32).collect();
    order.sort_by_key(bits);
    order.dedup_by_key(|index| bits(index));
    order.sort_unstable();
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers in [0, 1) without a generator's state.
    fn noise(i: u32) -> f32 {
        (i.wrapping_mul(2_654_435_761) ^ (i.wrapping_mul(2_246_822_519) >> 13)).wrapping_mul(3_266_489_917) as f32
            / 4_294_967_296.0
    }

    fn points(n: u32, n_features: usize, seed: u32) -> Vec<Point> {
        let value = |i: u32, axis: usize| if axis < n_features { noise(seed + 4 * i + axis as u32) } else { 0.0 };
        (0..n).map(|i| std::array::from_fn(|axis| value(i, axis))).collect()
    }

    #[test]
    fn it_finds_what_a_search_through_all_finds() {
        for n_features in 1..=4 {
            for k in [1, 2, 7, 256, 1000] {
                let mut palette = points(k, n_features, 1);
                palette.push(palette[0]);
                let queries = points(3000, n_features, 90_000);
                let grid = Nearest::new(palette.clone(), n_features, queries.iter().copied());
                for query in queries.into_iter().chain(palette.clone()) {
                    let found = squared_distance(query, palette[grid.find(query) as usize]);
                    let least = palette.iter().map(|each| squared_distance(query, *each)).fold(f32::INFINITY, f32::min);
                    assert!(found <= least, "{n_features} features, {k} colours: {found} instead of {least}");
                }
            }
        }
    }

    #[test]
    fn spacings_are_distances_to_other_colors() {
        let palette = [0.0, 0.1, 0.3, 0.3, 1.0].map(|value| [value, 0.0, 0.0, 0.0]).to_vec();
        let grid = Nearest::new(palette, 1, std::iter::empty());
        assert_eq!(grid.spacings(1), [0.1, 0.1, 0.3 - 0.1, 0.3 - 0.1, 1.0 - 0.3]);
        assert_eq!(grid.spacings(9), [1.0, 1.0 - 0.1, 1.0 - 0.3, 1.0 - 0.3, 1.0]);
    }

    #[test]
    fn of_equal_colors_the_first_is_found() {
        let palette = vec![[0.5, 0.5, 0.5, 0.0]; 9];
        let grid = Nearest::new(palette, 3, points(10, 3, 5).into_iter());
        assert_eq!(grid.find([0.1, 0.9, 0.2, 0.0]), 0);
        assert_eq!(grid.spacing(), 0.0);
        assert_eq!(grid.spacings(4), [0.0; 9]);
    }
}
