"""The interface that the project began with."""

import numpy as np
import PIL.Image
import pytest

from rustem import EM, InvalidInputError, fit_mixture, reference, restructure, save_new


def test_the_first_script_runs(tmp_path, monkeypatch, large_photograph):
    monkeypatch.chdir(tmp_path)
    PIL.Image.fromarray(large_photograph[::2, ::2]).save("img.jpg", quality=95)

    em = EM("img.jpg", 32)
    em.fit(30)
    save_new(em, "out.png")

    with PIL.Image.open("out.png") as saved:
        assert saved.size == (256, 256)
        pixels = np.asarray(saved.convert("RGB"))
    assert len(np.unique(pixels.reshape(-1, 3), axis=0)) <= 32
    original = EM.read_image("img.jpg")
    assert 10 * np.log10(255**2 / ((pixels.astype(float) - original) ** 2).mean()) > 25
    assert len(em.history) == 30


def test_the_longer_script_runs(tmp_path, monkeypatch, picture_file, photograph):
    monkeypatch.chdir(tmp_path)
    path = str(picture_file)

    em = EM(path, 64)
    em.fit(30)
    em.restruct("a.png")
    em.save_new_image("copy.png")
    em.convert_image(em.get_mu()[em.get_gamma().argmax(1)], "b.png")

    a, b, copy = (np.asarray(PIL.Image.open(name).convert("RGB")) for name in ("a.png", "b.png", "copy.png"))
    np.testing.assert_array_equal(copy, photograph)
    np.testing.assert_array_equal(a, b)
    np.testing.assert_array_equal(np.rint(restructure(em) * 255).astype(np.uint8).reshape(a.shape), a)


def test_shapes_and_meaning(picture_file, photograph):
    em = EM(picture_file, 20, random_state=5)
    assert em.fit(10) is em
    n = photograph.shape[0] * photograph.shape[1]
    assert em.get_gamma().shape == (n, 20)
    assert (em.get_pi().shape, em.get_mu().shape, em.get_sigma().shape) == ((20,), (20, 3), (20,))
    np.testing.assert_array_equal(em.get_2d_image(), photograph.reshape(-1, 3) / 255)
    np.testing.assert_allclose(em.get_gamma().sum(axis=1), 1, rtol=1e-5)
    assert em.get_pi().sum() == pytest.approx(1)
    image = em.read_image(picture_file)
    assert (image.shape, image.dtype) == ((128, 128, 3), np.uint8)


def test_it_is_the_textbook(picture_file, photograph):
    """One more iteration of the textbook leads from 9 to 10: densities with σ, log-sum-exp and updates are right."""
    before, after = (EM(picture_file, 8, random_state=1).fit(epochs) for epochs in (9, 10))
    pi, mu, sigma, _ = reference.em(
        photograph.reshape(-1, 3) / 255,
        before.get_pi(),
        before.get_mu(),
        before.get_sigma(),
        covariance_type="spherical",
        n_iter=1,
    )
    np.testing.assert_allclose(after.get_pi(), pi, rtol=1e-4)
    np.testing.assert_allclose(after.get_mu(), mu, rtol=1e-4, atol=1e-6)
    floor = 1 / (12 * 255**2)
    np.testing.assert_allclose(after.get_sigma(), np.maximum(sigma, floor), rtol=1e-3)
    assert np.diff(after.history).min() > -2e-6


def test_seeds(picture_file):
    one, same, other = (EM(picture_file, 8, random_state=seed).fit(3).get_mu() for seed in (0, 0, 1))
    np.testing.assert_array_equal(one, same)
    assert (one != other).any()


def test_pictures_are_better_than_from_pixels_drawn_at_random(picture_file, photograph):
    pixels = photograph.reshape(-1, 3)

    def error(picture):
        return ((picture * 255 - pixels) ** 2).mean()

    def from_drawn_pixels(seed):
        fit = fit_mixture(
            pixels,
            32,
            unit=255.0,
            covariance_type="spherical",
            init_params="random_from_data",
            covariance_floor=1 / (12 * 255**2),
            tol=0.0,
            acceleration=None,
            max_iter=30,
            random_state=seed,
        )
        return fit.mixture.means[fit.labels]

    drawn = [error(from_drawn_pixels(seed)) for seed in range(5)]
    ours = [error(EM(picture_file, 32, random_state=seed).fit(30).restructure()) for seed in range(5)]
    assert np.mean(ours) < 0.8 * np.mean(drawn)
    assert max(ours) < 1.25 * min(ours)


def test_neither_k_nor_epochs_is_a_byte(picture_file):
    em = EM(picture_file, 300).fit(257)
    assert (em.get_mu().shape, len(em.history)) == ((300, 3), 257)


def test_a_convergence_test_can_be_asked_for(picture_file):
    assert len(EM(picture_file, 4).fit(500, tol=1e-3).history) < 500


def test_more_components_than_colours(tmp_path):
    PIL.Image.fromarray(np.array([[[0, 0, 0], [255, 255, 255]]], np.uint8)).save(tmp_path / "two.png")
    em = EM(tmp_path / "two.png", 5).fit(4)
    assert (em.get_gamma().shape, em.get_mu().shape, em.get_pi().sum()) == ((2, 5), (5, 3), pytest.approx(1))
    em.restruct(tmp_path / "out.png")
    np.testing.assert_array_equal(
        np.asarray(PIL.Image.open(tmp_path / "out.png").convert("RGB")), em.read_image(tmp_path / "two.png")
    )


def test_grey_and_transparent_files_are_read_as_colours(tmp_path):
    PIL.Image.fromarray(np.arange(64, dtype=np.uint8).reshape(8, 8)).save(tmp_path / "grey.png")
    PIL.Image.new("RGBA", (4, 3), (10, 20, 30, 0)).save(tmp_path / "alpha.png")
    assert EM.read_image(tmp_path / "grey.png").shape == (8, 8, 3)
    assert EM.read_image(tmp_path / "alpha.png").tolist() == [[[10, 20, 30]] * 4] * 3


def test_misuse_gets_one_line(tmp_path, picture_file):
    em = EM(picture_file, 4)
    with pytest.raises(InvalidInputError, match=r"not fitted yet: call fit\(epochs\) first"):
        em.get_mu()
    with pytest.raises(InvalidInputError, match="k is 0"):
        EM(picture_file, 0)
    with pytest.raises(InvalidInputError, match="epochs is 0"):
        em.fit(0)
    with pytest.raises(InvalidInputError, match=r"pixels have shape \(5, 3\): give \(16384, 3\)"):
        em.convert_image(np.zeros((5, 3)), tmp_path / "out.png")
