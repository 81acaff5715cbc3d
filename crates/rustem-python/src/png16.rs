//! PNG pictures of 16 bits per channel, which Pillow reads and writes at 8 bits only.

use std::borrow::Cow;
use std::io::Cursor;

use numpy::{IntoPyArray, PyArray1, PyArray3, PyArrayMethods};
use png::{
    BitDepth, ColorType, Compression, Decoder, DecodingError, Encoder, EncodingError, Info, Limits, Transformations,
};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::arrays::Plain3;

/// Decodes the (first) picture of a 16-bit PNG file: (H, W, C) uint16, C = 1 to 4 as stored, plus alpha from tRNS.
///
/// Pictures of more than `max_pixels` pixels are refused before decoding.
#[pyfunction]
pub(crate) fn decode_png16<'py>(py: Python<'py>, data: &[u8], max_pixels: u64) -> PyResult<Bound<'py, PyArray3<u16>>> {
    let (shape, values) = py.detach(|| decode(data, max_pixels)).map_err(PyValueError::new_err)?;
    let values: Bound<'py, PyArray1<u16>> = values.into_pyarray(py);
    values.reshape(shape)
}

/// Encodes (H, W, C) uint16 `pixels`, C = 1 to 4 (grey, grey and alpha, RGB, RGB and alpha), as a PNG file.
#[pyfunction]
#[pyo3(signature = (pixels, icc_profile=None))]
pub(crate) fn encode_png16<'py>(
    py: Python<'py>,
    pixels: Plain3<'py, u16>,
    icc_profile: Option<&[u8]>,
) -> PyResult<Bound<'py, PyBytes>> {
    let (shape, values) = (pixels.shape(), pixels.values()?);
    let file = py.detach(|| encode(values, shape, icc_profile)).map_err(PyValueError::new_err)?;
    Ok(PyBytes::new(py, &file))
}

fn decode(data: &[u8], max_pixels: u64) -> Result<([usize; 3], Vec<u16>), String> {
    let mut decoder = Decoder::new(Cursor::new(data));
    decoder.set_transformations(Transformations::EXPAND);
    decoder.set_ignore_text_chunk(true);
    decoder.set_ignore_iccp_chunk(true);
    let info = decoder.read_header_info().map_err(describe)?;
    let (width, height) = (info.width, info.height);
    if info.bit_depth != BitDepth::Sixteen {
        return Err(format!("{} bits per channel instead of 16", info.bit_depth as u8));
    }
    if u64::from(width) * u64::from(height) > max_pixels {
        return Err(format!("{width} x {height} pixels exceed the limit of {max_pixels}"));
    }
    // The size has been judged; the decoder's own limit now only has to allow for rows as long as this.
    decoder.set_limits(Limits { bytes: (64 << 20) + 16 * width as usize });

    let mut reader = decoder.read_info().map_err(describe)?;
    let size = reader.output_buffer_size().ok_or("not enough memory")?;
    let (mut bytes, mut values) = (Vec::new(), Vec::new());
    bytes.try_reserve_exact(size).map_err(|_| "not enough memory")?;
    values.try_reserve_exact(size / 2).map_err(|_| "not enough memory")?;
    bytes.resize(size, 0);
    let frame = reader.next_frame(&mut bytes).map_err(describe)?;
    values.extend(bytes.chunks_exact(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]])));
    Ok(([height as usize, width as usize, frame.color_type.samples()], values))
}

fn encode(values: &[u16], shape: &[usize], icc_profile: Option<&[u8]>) -> Result<Vec<u8>, String> {
    let color_type = match shape[2] {
        1 => ColorType::Grayscale,
        2 => ColorType::GrayscaleAlpha,
        3 => ColorType::Rgb,
        4 => ColorType::Rgba,
        channels => return Err(format!("PNG holds 1 to 4 channels, not {channels}")),
    };
    let side = |length: usize| u32::try_from(length).map_err(|_| format!("PNG cannot hold {length} pixels in a row"));
    let mut info = Info::with_size(side(shape[1])?, side(shape[0])?);
    info.bit_depth = BitDepth::Sixteen;
    info.color_type = color_type;
    info.icc_profile = icc_profile.map(Cow::Borrowed);

    let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_be_bytes()).collect();
    let write = |file: &mut Vec<u8>| -> Result<(), EncodingError> {
        let mut encoder = Encoder::with_info(file, info)?;
        // The low bits of 16 are mostly noise: the balanced level takes ten times as long for a tenth less.
        encoder.set_compression(Compression::Fast);
        let mut writer = encoder.write_header()?;
        writer.write_image_data(&bytes)?;
        writer.finish()
    };
    let mut file = Vec::new();
    write(&mut file).map_err(|error| error.to_string())?;
    Ok(file)
}

/// The decoder's reason in a few words; a file that ends too early is called truncated, whatever the decoder calls it.
#[expect(clippy::needless_pass_by_value, reason = "the shape that map_err asks for")]
fn describe(error: DecodingError) -> String {
    match &error {
        DecodingError::IoError(cause) if cause.kind() == std::io::ErrorKind::UnexpectedEof => "truncated".into(),
        other => other.to_string(),
    }
}
