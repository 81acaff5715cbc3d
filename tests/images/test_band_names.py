"""Names of channels: read where files tell them, kept by mixtures, compared when they are applied."""

import numpy as np
import pytest
import tifffile

import rustem
from rustem.exceptions import InvalidInputError
from rustem.images import read
from rustem.images.band_names import names_of_gdal

NAMES = ("blue", "green", "red", "near infrared")
SCENE = np.random.default_rng(0).integers(0, 4000, (12, 15, 4), dtype=np.uint16)


def gdal(path, names, scene=SCENE):
    items = "".join(
        f'<Item name="DESCRIPTION" sample="{number}" role="description">{name}</Item>'
        for number, name in enumerate(names)
    )
    text = f'<GDALMetadata><Item name="SENSOR">x</Item>{items}</GDALMetadata>'
    photometric = {"photometric": "rgb"} if scene.shape[2] == 3 else {"photometric": "minisblack"}
    tifffile.imwrite(
        path, scene, planarconfig="contig", metadata=None, extratags=[(42112, 2, 0, text, True)], **photometric
    )
    return path


def test_what_gdal_writes(tmp_path):
    assert read(gdal(tmp_path / "a.tif", NAMES)).metadata.bands == NAMES
    plain = (SCENE[..., :3] >> 4).astype(np.uint8)
    assert read(gdal(tmp_path / "b.tif", NAMES[:3], plain)).metadata.bands == NAMES[:3]


def test_what_microscopes_write(tmp_path):
    stack = np.moveaxis(SCENE[..., :3], 2, 0)
    channels = {"axes": "CYX", "Channel": {"Name": ["DAPI", "GFP", "Cy5"]}}
    tifffile.imwrite(tmp_path / "a.ome.tif", stack, metadata=channels)
    assert read(tmp_path / "a.ome.tif").metadata.bands == ("DAPI", "GFP", "Cy5")
    tifffile.imwrite(
        tmp_path / "b.tif", stack, imagej=True, metadata={"axes": "CYX", "Labels": ["one", "two", "three"]}
    )
    assert read(tmp_path / "b.tif").metadata.bands == ("one", "two", "three")


@pytest.mark.parametrize("text", ["", "no XML", "<a>", None, b"\xff", '<Item role="description" sample="x">b</Item>'])
def test_what_tells_nothing(text):
    assert names_of_gdal(text) == ()


def test_names_that_do_not_tell_apart_are_none(tmp_path):
    assert read(gdal(tmp_path / "a.tif", ("b", "b", "c", "d"))).metadata.bands == ()
    assert read(gdal(tmp_path / "a.tif", ("a", "", "c", "d"))).metadata.bands == ()


def test_a_mixture_remembers_them(tmp_path):
    mixture = rustem.segment(gdal(tmp_path / "a.tif", NAMES), 3).mixture
    mixture.save(tmp_path / "m.npz")
    mixture = rustem.Mixture.load(tmp_path / "m.npz")
    assert mixture.fitted_on.bands == NAMES
    other = gdal(tmp_path / "b.tif", NAMES[::-1], SCENE[..., ::-1])
    with pytest.raises(
        InvalidInputError, match=r"b\.tif has bands near infrared, red, green, blue, but the mixture was"
    ):
        rustem.segment(other, mixture=mixture)
    labels = rustem.segment(tmp_path / "a.tif", mixture=mixture).labels
    np.testing.assert_array_equal(rustem.segment(SCENE, mixture=mixture).labels, labels)  # an array does not tell


def test_named_axes_tell_them():
    class Named:
        dims, attrs, coords = ("band", "y", "x"), {}, {"band": np.array(NAMES)}

        def __array__(self, dtype=None, copy=None):
            return np.moveaxis(SCENE, 2, 0).astype(dtype or SCENE.dtype)

    assert rustem.segment(Named(), 2).mixture.fitted_on.bands == NAMES
