"""Mixtures saved and loaded, and files that are none."""

import numpy as np
import pytest

from rustem import ImageError, InvalidInputError, Mixture, fit_mixture


def test_saving_and_loading(tmp_path, samples):
    mixture = fit_mixture(samples, 4, tol=0, max_iter=3).mixture
    mixture.save(tmp_path / "m.npz")
    loaded = Mixture.load(tmp_path / "m.npz")
    assert loaded.covariance_type == "full"
    np.testing.assert_array_equal(loaded.predict(samples), mixture.predict(samples))
    with pytest.raises(FileNotFoundError):
        Mixture.load(tmp_path / "missing.npz")
    with pytest.raises(ImageError, match="exists"):
        mixture.save(tmp_path / "m.npz", overwrite=False)
    assert [path.name for path in tmp_path.iterdir()] == ["m.npz"]  # nothing temporary is left


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"rustem_mixture": 99}, "saved by a newer rustem (format 99): update rustem"),
        ({"rustem_mixture": None}, "this is not a mixture that rustem saved"),
        ({"means": None}, "this is not a mixture that rustem saved"),
        ({"means": np.array([object()] * 2)}, "this is not a mixture that rustem saved"),
        ({"weights": np.array([0.5, 0.6])}, "this mixture is damaged: weights that do not sum to one"),
        ({"weights": np.array([1.0])}, "damaged: weights of shape (1,) with means of shape (2, 1)"),
        ({"means": np.array([[0.0], [np.nan]])}, "damaged: values that are no finite numbers"),
        ({"means": np.array([["a"], ["b"]])}, "damaged: values that are no finite numbers"),
        ({"covariance_type": "round"}, "damaged: 'round' covariances"),
        ({"covariances": np.ones((2, 2, 2))}, "damaged: 'full' covariances of shape (2, 2, 2)"),
        ({"covariances": -np.ones((2, 1, 1))}, "damaged: covariances that are not positive-definite"),
    ],
)
def test_damaged_files_are_refused_with_the_reason(tmp_path, change, message):
    arrays = {
        "rustem_mixture": 1,
        "weights": np.array([0.25, 0.75]),
        "means": np.array([[0.0], [1.0]]),
        "covariances": np.ones((2, 1, 1)),
        "covariance_type": "full",
    }
    path = tmp_path / "m.npz"
    np.savez(path, **arrays)
    assert Mixture.load(path).n_components == 2
    np.savez(path, **{name: value for name, value in {**arrays, **change}.items() if value is not None})
    with pytest.raises(InvalidInputError) as caught:
        Mixture.load(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("contents", [b"", b"PK nonsense", b"\x80\x04N.", b"\x93NUMPY\x01\x00"])
def test_files_of_another_kind_are_refused(tmp_path, contents):
    (tmp_path / "bad.npz").write_bytes(contents)
    with pytest.raises(InvalidInputError, match=r"bad\.npz: this is not a mixture"):
        Mixture.load(tmp_path / "bad.npz")
    with pytest.raises(InvalidInputError, match="this dict is no fitted Gaussian mixture"):
        Mixture.from_sklearn({})


def test_a_file_that_unpacks_to_too_much_is_refused(tmp_path, monkeypatch):
    from rustem.mixture import files

    Mixture(np.ones(1), np.zeros((1, 200)), np.ones(1), "spherical").save(tmp_path / "bomb.npz")
    monkeypatch.setattr(files, "MAX_BYTES", 1000)
    with pytest.raises(InvalidInputError, match="when unpacked: this is no mixture"):
        Mixture.load(tmp_path / "bomb.npz")
