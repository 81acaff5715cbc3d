//! Superpixels in one piece: borders drawn anew at full size, and pixels that a mask leaves out, may have cut them.

use std::collections::BTreeMap;

use super::watershed::OUTSIDE;
use crate::error::Result;
use crate::parallel::Threads;
use crate::spatial::LabelMap;

/// Makes each of the `labels` (height, width), below `n`, one piece: its largest. Other pieces go over to the superpixel
/// that they have the longest border with; those that touch none become superpixels of their own.
///
/// Labels that are left are numbered anew. Returns, for each, what it was; `None` for those that are new.
///
/// # Errors
/// An interruption.
pub(super) fn in_one_piece(labels: &mut [u32], width: usize, n: usize, threads: &Threads) -> Result<Vec<Option<u32>>> {
    let signed: Vec<i32> =
        labels.iter().map(|label| if *label == OUTSIDE { -1 } else { (*label).cast_signed() }).collect();
    let map = LabelMap { labels: &signed, shape: [1, labels.len() / width, width] };
    let (pieces, n_pieces) = map.connected_components(threads)?;
    let mut sizes = vec![0_usize; n_pieces];
    let mut owners = vec![0_u32; n_pieces];
    for (piece, label) in pieces.iter().zip(labels.iter()).filter(|(piece, _)| **piece != OUTSIDE) {
        sizes[*piece as usize] += 1;
        owners[*piece as usize] = *label;
    }
    let mut largest: Vec<Option<usize>> = vec![None; n];
    for piece in 0..n_pieces {
        let best = &mut largest[owners[piece] as usize];
        if best.is_none_or(|best| sizes[piece] > sizes[best]) {
            *best = Some(piece);
        }
    }
    let mut settled: Vec<Option<u32>> = vec![None; n_pieces];
    let mut origins: Vec<Option<u32>> = Vec::new();
    for (label, piece) in (0..n as u32).zip(&largest) {
        if let Some(piece) = piece {
            settled[*piece] = Some(origins.len() as u32);
            origins.push(Some(label));
        }
    }
    settle(&borders(&pieces, width, &settled), &mut settled);
    for piece in &mut settled {
        if piece.is_none() {
            *piece = Some(origins.len() as u32);
            origins.push(None);
        }
    }
    for (label, piece) in labels.iter_mut().zip(&pieces).filter(|(_, piece)| **piece != OUTSIDE) {
        *label = settled[*piece as usize].unwrap_or(OUTSIDE);
    }
    Ok(origins)
}

/// Of each piece without a label, the length of its border with each of the others.
fn borders(pieces: &[u32], width: usize, settled: &[Option<u32>]) -> BTreeMap<u32, BTreeMap<u32, usize>> {
    let mut borders: BTreeMap<u32, BTreeMap<u32, usize>> = BTreeMap::new();
    let is_stray = |piece: u32| piece != OUTSIDE && settled[piece as usize].is_none();
    for (pixel, piece) in pieces.iter().enumerate() {
        let right = (!(pixel + 1).is_multiple_of(width)).then_some(pixel + 1);
        let below = Some(pixel + width).filter(|below| *below < pieces.len());
        for other in [right, below].into_iter().flatten().map(|other| pieces[other]) {
            if other == *piece || other == OUTSIDE || *piece == OUTSIDE {
                continue;
            }
            for (one, two) in [(*piece, other), (other, *piece)].into_iter().filter(|(one, _)| is_stray(*one)) {
                *borders.entry(one).or_default().entry(two).or_default() += 1;
            }
        }
    }
    borders
}

/// Gives pieces the label of the neighbour with the longest border, of equals the first, until none has a neighbour with one.
fn settle(borders: &BTreeMap<u32, BTreeMap<u32, usize>>, settled: &mut [Option<u32>]) {
    let mut left: Vec<u32> = borders.keys().copied().collect();
    loop {
        let before = left.len();
        left.retain(|piece| {
            let mut lengths: BTreeMap<u32, usize> = BTreeMap::new();
            for (neighbor, length) in &borders[piece] {
                if let Some(label) = settled[*neighbor as usize] {
                    *lengths.entry(label).or_default() += length;
                }
            }
            let longest = lengths.iter().max_by(|a, b| a.1.cmp(b.1).then(b.0.cmp(a.0)));
            settled[*piece as usize] = longest.map(|(label, _)| *label);
            longest.is_none()
        });
        if left.len() == before {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settled(labels: &[u32], width: usize, n: usize) -> (Vec<u32>, Vec<Option<u32>>) {
        let mut labels = labels.to_vec();
        let origins = in_one_piece(&mut labels, width, n, &Threads::single()).expect("uninterrupted");
        (labels, origins)
    }

    #[test]
    fn what_is_in_one_piece_stays() {
        let labels = [0, 0, 1, 1, 0, 2, 2, 1];
        assert_eq!(settled(&labels, 4, 3), (labels.to_vec(), vec![Some(0), Some(1), Some(2)]));
    }

    #[test]
    fn strays_go_to_the_longest_border_and_labels_without_pixels_are_closed_up() {
        // 3 has no pixel; the second 0 touches 1 once and 4 twice; the second 1 touches that stray and 4.
        let labels = [
            0, 0, 0, 1, 1, //
            0, 0, 1, 1, 1, //
            4, 4, 4, 0, 1, //
            4, 4, 4, 0, 4, //
            4, 4, 4, 4, 4,
        ];
        let expected = [
            0, 0, 0, 1, 1, //
            0, 0, 1, 1, 1, //
            2, 2, 2, 2, 1, //
            2, 2, 2, 2, 2, //
            2, 2, 2, 2, 2,
        ];
        assert_eq!(settled(&labels, 5, 5), (expected.to_vec(), vec![Some(0), Some(1), Some(4)]));
    }

    #[test]
    fn islands_in_a_mask_become_superpixels() {
        let o = OUTSIDE;
        let labels = [0, 0, o, 0, o, 1];
        assert_eq!(settled(&labels, 6, 2), (vec![0, 0, o, 2, o, 1], vec![Some(0), Some(1), None]));
        assert_eq!(settled(&[o, 0, o, 0], 1, 1), (vec![o, 0, o, 1], vec![Some(0), None]));
    }
}
