"""The digits: the same images as scikit-learn's, and a split that never moves."""

import hashlib
import sys

import numpy as np
import pytest
from sklearn.datasets import load_digits

from scaling_utils import corpora


@pytest.fixture(scope="module")
def digits():
    return corpora.digits()


def test_images_and_labels_are_those_of_the_first_chapter(digits):
    original = load_digits()
    assert digits.images.dtype == np.float32
    assert np.array_equal(digits.images, (original.data / 16).astype(np.float32))
    assert np.array_equal(digits.labels, original.target)
    assert digits.images.min() == 0
    assert digits.images.max() == 1


def test_the_split_takes_a_fifth_of_each_class(digits):
    assert np.array_equal(np.sort(np.concatenate([digits.train, digits.test])), np.arange(1797))
    for label in range(10):
        members = (digits.labels == label).sum()
        assert (digits.labels[digits.test] == label).sum() == round(members / 5)


def test_data_and_split_are_those_recorded(digits):
    assert digits.sha256 == "87ff0c9e40dc7e2c0e34e7257799c2e3f3aec1a016363bb11cad869ec428a826"
    assert (
        hashlib.sha256(digits.test.astype("<i8").tobytes()).hexdigest()[:16] == "0949e5b2944e2598"
    )


def test_no_image_comes_twice(digits):
    assert len(np.unique(digits.images, axis=0)) == 1797


def test_arrays_are_read_only(digits):
    for array in (digits.images, digits.labels, digits.train, digits.test):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0


def test_without_scikit_learn_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    with pytest.raises(corpora.DataUnavailable, match="pip install scikit-learn"):
        corpora.digits()
