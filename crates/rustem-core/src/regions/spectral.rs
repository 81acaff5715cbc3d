//! Coordinates of the nodes of a graph in which nodes that hang together lie together: the first eigenvectors of the
//! normalised Laplacian (Shi & Malik 2000, doi:10.1109/34.868688), found by the method of Lanczos with full
//! reorthogonalisation (Parlett 1998, "The Symmetric Eigenvalue Problem", chapter 13).
//!
//! The smallest eigenvalues lie thousands of times closer together than the largest, so the method runs on the inverse
//! of the shifted Laplacian, where they are the largest and far apart. Its Cholesky factor keeps to the envelope of the
//! matrix (George & Liu 1981, "Computer Solution of Large Sparse Positive Definite Systems", chapter 4), which is narrow
//! when nodes are numbered by their distance from one end of the graph (Cuthill & `McKee` 1969,
//! doi:10.1145/800195.805928).

use nalgebra::DMatrix;

/// Steps beyond two per vector asked for; the vectors only need to be good to a percent or so.
const EXTRA_STEPS: usize = 16;
/// Added to the eigenvalues before the inversion: well below the second of any graph of interest.
const SHIFT: f64 = 1e-3;

/// A symmetric matrix of similarities, row by row.
pub(crate) struct Similarities {
    /// Each row's (column, similarity).
    pub(crate) rows: Vec<Vec<(u32, f64)>>,
}

/// The `count` eigenvectors that follow the constant one, each as (eigenvalue of the Laplacian, entries), entries
/// divided by the root of the node's degree. Fewer where the graph has fewer nodes.
pub(crate) fn eigenvectors(similarities: &Similarities, count: usize) -> Vec<(f64, Vec<f64>)> {
    let n = similarities.rows.len();
    let degree = |row: &Vec<(u32, f64)>| row.iter().map(|(_, weight)| weight).sum::<f64>().max(1e-12).sqrt();
    let roots: Vec<f64> = similarities.rows.iter().map(degree).collect();
    let factor = Factor::new(similarities, &roots);
    let mut constant = roots.clone();
    normalize(&mut constant);
    // Deterministic, and with some of everything in it.
    let mut vector: Vec<f64> = (0..n).map(|i| ((i * 7919 % 1009) as f64 / 1009.0) - 0.5).collect();
    let mut basis: Vec<Vec<f64>> = Vec::new();
    let (mut diagonal, mut beside) = (Vec::new(), Vec::new());
    for _ in 0..(2 * count + EXTRA_STEPS).min(n.saturating_sub(1)) {
        for _ in 0..2 {
            orthogonalize(&mut vector, std::iter::once(&constant).chain(&basis));
        }
        let norm = normalize(&mut vector);
        if norm < 1e-10 {
            break;
        }
        beside.push(norm);
        let product = factor.solve(&vector);
        diagonal.push(dot(&product, &vector));
        basis.push(std::mem::replace(&mut vector, product));
    }
    let m = basis.len();
    if m == 0 {
        return Vec::new();
    }
    let small = DMatrix::from_fn(m, m, |a, b| match a.abs_diff(b) {
        0 => diagonal[a],
        1 => beside[a.max(b)],
        _ => 0.0,
    });
    let eigen = small.symmetric_eigen();
    let mut order: Vec<usize> = (0..m).collect();
    order.sort_by(|a, b| eigen.eigenvalues[*b].total_cmp(&eigen.eigenvalues[*a]));
    let ritz = |column: usize| {
        let mut entries = vec![0.0; n];
        for (weight, vector) in eigen.eigenvectors.column(column).iter().zip(&basis) {
            entries.iter_mut().zip(vector).for_each(|(entry, value)| *entry += weight * value);
        }
        entries.iter_mut().zip(&roots).for_each(|(entry, root)| *entry /= root);
        entries
    };
    order.iter().take(count).map(|column| (1.0 / eigen.eigenvalues[*column] - SHIFT, ritz(*column))).collect()
}

/// Cholesky factor of the normalised Laplacian plus [`SHIFT`], rows stored from their first entry to the diagonal.
struct Factor {
    /// The node in each row.
    order: Vec<u32>,
    rows: Vec<Vec<f64>>,
}

impl Factor {
    fn new(similarities: &Similarities, roots: &[f64]) -> Self {
        let order = breadth_first(similarities);
        let mut place = vec![0; order.len()];
        for (row, node) in order.iter().enumerate() {
            place[*node as usize] = row;
        }
        let mut rows: Vec<Vec<f64>> = Vec::with_capacity(order.len());
        for (row, node) in order.iter().enumerate() {
            let node = *node as usize;
            let before = || similarities.rows[node].iter().filter(|(to, _)| place[*to as usize] < row);
            let first = before().map(|(to, _)| place[*to as usize]).min().unwrap_or(row);
            let mut entries = vec![0.0; row - first + 1];
            for (to, weight) in before() {
                entries[place[*to as usize] - first] = -weight / (roots[node] * roots[*to as usize]);
            }
            entries[row - first] = 1.0 + SHIFT;
            for column in first..row {
                let other = &rows[column];
                let (inner, end) = ((column - first).min(other.len() - 1), other.len() - 1);
                let known = dot(&entries[column - first - inner..column - first], &other[end - inner..end]);
                entries[column - first] = (entries[column - first] - known) / other[end];
            }
            let (last, known) = (row - first, dot(&entries[..row - first], &entries[..row - first]));
            entries[last] = (entries[last] - known).max(f64::MIN_POSITIVE).sqrt();
            rows.push(entries);
        }
        Self { order, rows }
    }

    /// x with (Laplacian + shift) x = `vector`.
    fn solve(&self, vector: &[f64]) -> Vec<f64> {
        let mut x: Vec<f64> = self.order.iter().map(|node| vector[*node as usize]).collect();
        for (row, entries) in self.rows.iter().enumerate() {
            let end = entries.len() - 1;
            x[row] = (x[row] - dot(&entries[..end], &x[row - end..row])) / entries[end];
        }
        for (row, entries) in self.rows.iter().enumerate().rev() {
            let end = entries.len() - 1;
            x[row] /= entries[end];
            let value = x[row];
            x[row - end..row].iter_mut().zip(entries).for_each(|(x, entry)| *x -= entry * value);
        }
        let mut output = vec![0.0; x.len()];
        for (node, value) in self.order.iter().zip(x) {
            output[*node as usize] = value;
        }
        output
    }
}

/// The nodes in the order of their distance from the end of the graph; pieces one after the other.
fn breadth_first(similarities: &Similarities) -> Vec<u32> {
    let mut order: Vec<u32> = Vec::with_capacity(similarities.rows.len());
    let mut seen = vec![false; similarities.rows.len()];
    for start in 0..similarities.rows.len() {
        let mut next = order.len();
        if !std::mem::replace(&mut seen[start], true) {
            order.push(start as u32);
        }
        while let Some(node) = order.get(next).copied() {
            next += 1;
            for (to, _) in &similarities.rows[node as usize] {
                if !std::mem::replace(&mut seen[*to as usize], true) {
                    order.push(*to);
                }
            }
        }
    }
    order
}

/// In eight sums side by side, because one would wait for each addition.
fn dot(a: &[f64], b: &[f64]) -> f64 {
    let (a, a_rest) = a.as_chunks::<8>();
    let (b, b_rest) = b.as_chunks::<8>();
    let mut sums = [0.0; 8];
    for (a, b) in a.iter().zip(b) {
        for lane in 0..8 {
            sums[lane] += a[lane] * b[lane];
        }
    }
    sums.iter().sum::<f64>() + a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum::<f64>()
}

fn normalize(vector: &mut [f64]) -> f64 {
    let norm = dot(vector, vector).sqrt();
    if norm > 0.0 {
        for value in vector.iter_mut() {
            *value /= norm;
        }
    }
    norm
}

fn orthogonalize<'a>(vector: &mut [f64], basis: impl Iterator<Item = &'a Vec<f64>>) {
    for other in basis {
        let overlap = dot(vector, other);
        vector.iter_mut().zip(other).for_each(|(value, other)| *value -= overlap * other);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_has_cosines() {
        let n = 40;
        let weight = |a: usize, b: usize| if a.abs_diff(b) == 1 { 1.0 } else { 0.0 };
        let rows = (0..n)
            .map(|a| (0..n).map(|b| (b as u32, weight(a, b))).filter(|(_, weight)| *weight > 0.0).collect())
            .collect();
        let vectors = eigenvectors(&Similarities { rows }, 3);
        for (order, (value, entries)) in vectors.iter().enumerate() {
            // Of the random walk on a path: cos(π j i / (n − 1)), eigenvalue 1 − cos(π j / (n − 1)).
            let angle = std::f64::consts::PI * (order + 1) as f64 / (n - 1) as f64;
            assert!((value - (1.0 - angle.cos())).abs() < 1e-6, "{value}");
            for (i, entry) in entries.iter().enumerate() {
                assert!((entry / entries[0] - (angle * i as f64).cos()).abs() < 1e-3);
            }
        }
    }

    #[test]
    fn small_eigenvalues_close_together_are_those_of_the_whole_matrix() {
        // A grid of squares of 5 × 5 nodes, hardly tied to each other, as superpixels of a picture are.
        let (side, square) = (25, 5);
        let weight = |a: usize, b: usize| {
            let at = |node: usize| (node / side, node % side);
            let ((y, x), (v, u)) = (at(a), at(b));
            let alike = y / square == v / square && x / square == u / square;
            match y.abs_diff(v) + x.abs_diff(u) {
                1 if alike => 1.0,
                1 => 1e-3 * (1 + (y + 2 * x) % 7) as f64,
                _ => 0.0,
            }
        };
        let n = side * side;
        let rows: Vec<Vec<(u32, f64)>> = (0..n)
            .map(|a| (0..n).map(|b| (b as u32, weight(a, b))).filter(|(_, weight)| *weight > 0.0).collect())
            .collect();
        let degree = |node: usize| rows[node].iter().map(|(_, weight)| weight).sum::<f64>();
        let whole =
            DMatrix::from_fn(n, n, |a, b| f64::from(u8::from(a == b)) - weight(a, b) / (degree(a) * degree(b)).sqrt());
        let mut expected: Vec<f64> = whole.symmetric_eigenvalues().iter().copied().collect();
        expected.sort_by(f64::total_cmp);
        let found = eigenvectors(&Similarities { rows }, 16);
        for ((value, _), expected) in found.iter().zip(&expected[1..]) {
            assert!((value - expected).abs() < 1e-6 + 1e-2 * expected, "{value} for {expected}");
        }
        assert!(found[15].0 < 0.02 && found.len() == 16);
    }

    #[test]
    fn one_node_has_none() {
        assert!(eigenvectors(&Similarities { rows: vec![Vec::new()] }, 4).is_empty());
    }
}
