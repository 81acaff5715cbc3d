//! CIELAB of sRGB and grey values.

use crate::error::Result;
use crate::parallel::Threads;

/// A function on [0, 1], read by linear interpolation; arguments outside are taken for the nearest end.
struct Table(Vec<f32>);

impl Table {
    const STEPS: usize = 4096;

    fn new(function: impl Fn(f64) -> f64) -> Self {
        Self((0..=Self::STEPS).map(|step| function(step as f64 / Self::STEPS as f64) as f32).collect())
    }

    fn at(&self, x: f32) -> f32 {
        let position = x.clamp(0.0, 1.0) * Self::STEPS as f32;
        let step = (position as usize).min(Self::STEPS - 1);
        let (low, high) = (self.0[step], self.0[step + 1]);
        low + (high - low) * (position - step as f32)
    }
}

/// CIELAB (n, 3) of sRGB or grey values in [0, 1] (IEC 61966-2-1; CIE 15): lightness in [0, 100].
pub(crate) fn to_lab(values: &[f32], channels: usize, threads: &Threads) -> Result<Vec<f32>> {
    let linear = Table::new(|v| if v <= 0.04045 { v / 12.92 } else { ((v + 0.055) / 1.055).powf(2.4) });
    let root = Table::new(|t| if t > 216.0 / 24389.0 { t.cbrt() } else { (24389.0 / 27.0 * t + 16.0) / 116.0 });
    // Linear sRGB to XYZ relative to the white point D65: the rows sum to one.
    let xyz =
        [[0.433_953, 0.376_219, 0.189_828_f32], [0.212_671, 0.715_16, 0.072_169], [0.017_758, 0.109_477, 0.872_766]];
    let mut lab = vec![0.0; values.len() / channels * 3];
    threads.map_chunks(&mut lab, 3 * 4096, |block, rows, checkpoint| {
        checkpoint.pass()?;
        let values = &values[block * 4096 * channels..];
        for (lab, value) in rows.chunks_exact_mut(3).zip(values.chunks_exact(channels)) {
            let rgb = [0, 1, 2].map(|c| linear.at(value[c.min(channels - 1)]));
            let [x, y, z] = xyz.map(|row| root.at(row[0] * rgb[0] + row[1] * rgb[1] + row[2] * rgb[2]));
            lab.copy_from_slice(&[116.0 * y - 16.0, 500.0 * (x - y), 200.0 * (y - z)]);
        }
        Ok(())
    })?;
    Ok(lab)
}
