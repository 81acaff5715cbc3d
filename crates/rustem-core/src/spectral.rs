//! Coordinates of the nodes of a graph in which nodes that hang together lie together: the first eigenvectors of the
//! normalised Laplacian (Shi & Malik 2000, doi:10.1109/34.868688), found by the method of Lanczos with full
//! reorthogonalisation (Parlett 1998, "The Symmetric Eigenvalue Problem", chapter 13).

use nalgebra::DMatrix;

/// Steps beyond three per vector asked for; the vectors only need to be good to a percent or so.
const EXTRA_STEPS: usize = 32;

/// A symmetric matrix of similarities, row by row.
pub(crate) struct Similarities {
    /// Each row's (column, similarity).
    pub(crate) rows: Vec<Vec<(u32, f64)>>,
}

/// The `count` eigenvectors that follow the constant one, each as (eigenvalue of the Laplacian, entries), entries
/// divided by the root of the node's degree. Fewer where the graph has fewer nodes.
pub(crate) fn eigenvectors(similarities: &Similarities, count: usize) -> Vec<(f64, Vec<f64>)> {
    let n = similarities.rows.len();
    let roots: Vec<f64> = similarities
        .rows
        .iter()
        .map(|row| row.iter().map(|(_, weight)| weight).sum::<f64>().max(1e-12).sqrt())
        .collect();
    let multiply = |x: &[f64]| -> Vec<f64> {
        similarities
            .rows
            .iter()
            .zip(&roots)
            .map(|(row, root)| row.iter().map(|(to, w)| w * x[*to as usize] / roots[*to as usize]).sum::<f64>() / root)
            .collect()
    };
    let mut constant = roots.clone();
    normalise(&mut constant);
    // Deterministic, and with some of everything in it.
    let mut vector: Vec<f64> = (0..n).map(|i| ((i * 7919 % 1009) as f64 / 1009.0) - 0.5).collect();
    let mut basis: Vec<Vec<f64>> = Vec::new();
    let (mut diagonal, mut beside) = (Vec::new(), Vec::new());
    for _ in 0..(3 * count + EXTRA_STEPS).min(n.saturating_sub(1)) {
        for _ in 0..2 {
            orthogonalise(&mut vector, std::iter::once(&constant).chain(&basis));
        }
        let norm = normalise(&mut vector);
        if norm < 1e-10 {
            break;
        }
        beside.push(norm);
        let product = multiply(&vector);
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
    order.iter().take(count).map(|column| (1.0 - eigen.eigenvalues[*column], ritz(*column))).collect()
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn normalise(vector: &mut [f64]) -> f64 {
    let norm = dot(vector, vector).sqrt();
    if norm > 0.0 {
        for value in vector.iter_mut() {
            *value /= norm;
        }
    }
    norm
}

fn orthogonalise<'a>(vector: &mut [f64], basis: impl Iterator<Item = &'a Vec<f64>>) {
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
    fn one_node_has_none() {
        assert!(eigenvectors(&Similarities { rows: vec![Vec::new()] }, 4).is_empty());
    }
}
