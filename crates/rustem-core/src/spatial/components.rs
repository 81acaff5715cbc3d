//! Connected components of a label map, and small ones absorbed by the neighbours that they fit best.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::error::{Error, Result};
use crate::parallel::Threads;

/// Pixels between two questions whether to go on.
const PIXELS_PER_CHECK: usize = 1 << 16;

/// A label map of up to three axes; negative labels belong to no component.
#[derive(Clone, Copy)]
pub struct LabelMap<'a> {
    /// Labels (depth, height, width).
    pub labels: &'a [i32],
    /// The lengths of the axes.
    pub shape: [usize; 3],
}

impl LabelMap<'_> {
    /// Calls `visit` for the next pixel along each axis.
    fn for_next(&self, pixel: usize, mut visit: impl FnMut(usize)) {
        let [_, height, width] = self.shape;
        if !(pixel + 1).is_multiple_of(width) {
            visit(pixel + 1);
        }
        if pixel / width % height + 1 < height {
            visit(pixel + width);
        }
        if pixel + height * width < self.labels.len() {
            visit(pixel + height * width);
        }
    }

    /// The component of each pixel, numbered in the order of their first pixels, and the number of components. Pixels of no
    /// component have `u32::MAX`.
    ///
    /// # Errors
    /// A shape that does not fit; an interruption.
    pub fn connected_components(&self, threads: &Threads) -> Result<(Vec<u32>, usize)> {
        let expected = self.shape.iter().product();
        if self.labels.len() != expected {
            return Err(Error::Length { what: "the label map", expected, found: self.labels.len() });
        }
        let found = threads.map(1, |_, checkpoint| {
            let mut forest = Forest::new(self.labels.len());
            for pixel in 0..self.labels.len() {
                if pixel.is_multiple_of(PIXELS_PER_CHECK) {
                    checkpoint.pass()?;
                }
                self.for_next(pixel, |next| {
                    if self.labels[next] == self.labels[pixel] {
                        forest.join(pixel as u32, next as u32);
                    }
                });
            }
            let mut n = 0;
            let mut components = vec![u32::MAX; self.labels.len()];
            for pixel in (0..self.labels.len()).filter(|pixel| self.labels[*pixel] >= 0) {
                let root = forest.root(pixel as u32) as usize;
                if root == pixel {
                    components[pixel] = n;
                    n += 1;
                }
                components[pixel] = components[root];
            }
            Ok((components, n as usize))
        })?;
        found.into_iter().next().ok_or(Error::Interrupted)
    }

    /// Labels of the components after each component of fewer than `min_size` pixels, the smallest first, has gone over to a
    /// neighbour. `affinity(component, label)` is how well a small component's pixels fit a label, as a sum over its pixels.
    ///
    /// # Errors
    /// An interruption.
    pub fn absorb_components(
        &self,
        components: &[u32],
        n: usize,
        min_size: usize,
        n_labels: usize,
        affinity: &[f32],
        threads: &Threads,
    ) -> Result<Vec<i32>> {
        if affinity.len() != n * n_labels {
            return Err(Error::Length { what: "affinity", expected: n * n_labels, found: affinity.len() });
        }
        let labels = threads.map(1, |_, checkpoint| {
            let mut absorber = Absorber::new(self, components, n, affinity);
            let mut queue: BinaryHeap<Reverse<(usize, u32)>> = (0..n)
                .filter(|component| absorber.sizes[*component] < min_size)
                .map(|component| Reverse((absorber.sizes[component], component as u32)))
                .collect();
            while let Some(Reverse((size, component))) = queue.pop() {
                checkpoint.pass()?;
                // An entry holds as long as its component stands for itself and has not grown.
                if absorber.forest.root(component) == component
                    && absorber.sizes[component as usize] == size
                    && let Some(grown) = absorber.absorb(component)
                    && absorber.sizes[grown as usize] < min_size
                {
                    queue.push(Reverse((absorber.sizes[grown as usize], grown)));
                }
            }
            Ok((0..n as u32).map(|component| absorber.labels[absorber.forest.root(component) as usize]).collect())
        })?;
        labels.into_iter().next().ok_or(Error::Interrupted)
    }
}

/// Disjoint sets, each standing under its smallest member.
struct Forest(Vec<u32>);

impl Forest {
    fn new(n: usize) -> Self {
        Self((0..n as u32).collect())
    }

    fn root(&mut self, mut node: u32) -> u32 {
        while self.0[node as usize] != node {
            let above = self.0[self.0[node as usize] as usize];
            self.0[node as usize] = above;
            node = above;
        }
        node
    }

    /// Joins two sets and gives the root of both.
    fn join(&mut self, a: u32, b: u32) -> u32 {
        let (a, b) = (self.root(a), self.root(b));
        self.0[a.max(b) as usize] = a.min(b);
        a.min(b)
    }
}

/// Components that are being united; everything is kept at their roots.
struct Absorber {
    forest: Forest,
    sizes: Vec<usize>,
    labels: Vec<i32>,
    neighbors: Vec<Vec<u32>>,
    affinity: Vec<f32>,
    n_labels: usize,
}

impl Absorber {
    fn new(map: &LabelMap, components: &[u32], n: usize, affinity: &[f32]) -> Self {
        let (mut sizes, mut labels) = (vec![0; n], vec![0; n]);
        let mut neighbors = vec![Vec::new(); n];
        for (pixel, component) in components.iter().enumerate().filter(|(_, component)| **component != u32::MAX) {
            sizes[*component as usize] += 1;
            labels[*component as usize] = map.labels[pixel];
            map.for_next(pixel, |next| {
                let other = components[next];
                if other != *component && other != u32::MAX {
                    neighbors[*component as usize].push(other);
                    neighbors[other as usize].push(*component);
                }
            });
        }
        for list in &mut neighbors {
            list.sort_unstable();
            list.dedup();
        }
        Self {
            forest: Forest::new(n),
            sizes,
            labels,
            neighbors,
            affinity: affinity.to_vec(),
            n_labels: affinity.len() / n.max(1),
        }
    }

    /// Gives a component to the neighbour it fits best; `None` where it has none. What is now beside components of its own
    /// label becomes one with them.
    fn absorb(&mut self, component: u32) -> Option<u32> {
        let mut beside: Vec<u32> = std::mem::take(&mut self.neighbors[component as usize])
            .into_iter()
            .map(|neighbor| self.forest.root(neighbor))
            .filter(|root| *root != component)
            .collect();
        beside.sort_unstable();
        beside.dedup();
        let fit = |root: &u32| self.affinity[component as usize * self.n_labels + self.labels[*root as usize] as usize];
        let best = *beside.iter().max_by(|a, b| {
            let by_size = (self.sizes[**a as usize], Reverse(**a)).cmp(&(self.sizes[**b as usize], Reverse(**b)));
            fit(a).total_cmp(&fit(b)).then(by_size)
        })?;
        let label = self.labels[best as usize];
        let united: Vec<u32> = beside.iter().copied().filter(|root| self.labels[*root as usize] == label).collect();
        self.neighbors[component as usize] = beside;
        let mut root = component;
        for other in united {
            root = self.unite(root, other);
        }
        self.labels[root as usize] = label;
        Some(root)
    }

    fn unite(&mut self, a: u32, b: u32) -> u32 {
        let root = self.forest.join(a, b);
        let other = (a.max(b)) as usize;
        self.sizes[root as usize] += self.sizes[other];
        let moved = std::mem::take(&mut self.neighbors[other]);
        let kept = &mut self.neighbors[root as usize];
        if kept.len() < moved.len() {
            let shorter = std::mem::replace(kept, moved);
            kept.extend(shorter);
        } else {
            kept.extend(moved);
        }
        for label in 0..self.n_labels {
            self.affinity[root as usize * self.n_labels + label] += self.affinity[other * self.n_labels + label];
        }
        root
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn absorbed(labels: &[i32], width: usize, min_size: usize, affinity: impl Fn(usize, usize) -> f32) -> Vec<i32> {
        let map = LabelMap { labels, shape: [1, labels.len() / width, width] };
        let (components, n) = map.connected_components(&Threads::single()).expect("uninterrupted");
        let n_labels = labels.iter().max().map_or(0, |label| *label as usize + 1);
        let table: Vec<f32> = (0..n * n_labels).map(|i| affinity(i / n_labels, i % n_labels)).collect();
        let after = map
            .absorb_components(&components, n, min_size, n_labels, &table, &Threads::single())
            .expect("uninterrupted");
        components
            .iter()
            .map(|component| if *component == u32::MAX { -1 } else { after[*component as usize] })
            .collect()
    }

    #[test]
    fn a_small_component_goes_where_it_fits() {
        let labels = [0, 0, 0, 1, 2, 2, 0, 0, 0, 1, 2, 2];
        assert_eq!(absorbed(&labels, 6, 3, |_, label| label as f32), [0, 0, 0, 2, 2, 2, 0, 0, 0, 2, 2, 2]);
        assert_eq!(absorbed(&labels, 6, 3, |_, label| -(label as f32)), [0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 2, 2]);
        assert_eq!(absorbed(&labels, 6, 2, |_, label| label as f32), labels);
    }

    #[test]
    fn the_map_of_one_component_and_islands_stay() {
        assert_eq!(absorbed(&[3, -1, 1, 1], 4, 9, |_, _| 0.0), [3, -1, 1, 1]);
    }

    #[test]
    fn components_that_come_together_are_one() {
        // The middle pixel joins two pairs of label 0 to a component that is large enough.
        assert_eq!(absorbed(&[0, 0, 1, 0, 0, 2, 2, 2, 2, 2], 10, 4, |_, label| -(label as f32))[..5], [0; 5]);
    }
}
