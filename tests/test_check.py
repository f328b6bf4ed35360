"""The argument checks: what passes, and an error that names the argument for what does not."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scaling_utils._check import finite_array, member, number, positive_array, same_length, whole

NOT_FINITE = [math.nan, math.inf, -math.inf]


@pytest.mark.parametrize("value", [3, 3.5, [1, 2], (1, 2), np.arange(3), np.float32(2), [[1, 2]]])
def test_finite_array_returns_floats_of_the_same_shape(value):
    out = finite_array("x", value)
    assert out.dtype == float
    assert out.shape == np.shape(value)
    np.testing.assert_array_equal(out, value)


@pytest.mark.parametrize("check", [finite_array, positive_array])
@pytest.mark.parametrize("bad", NOT_FINITE)
def test_arrays_refuse_what_is_not_finite_and_say_where(check, bad):
    with pytest.raises(ValueError, match=r"loss must be finite, got .* at index 2"):
        check("loss", [1.0, 2.0, bad])
    with pytest.raises(ValueError, match=r"loss must be finite, got -?(nan|inf)$"):
        check("loss", bad)


@pytest.mark.parametrize("bad", ["a", ["a", 1], [None, "b"], object(), [[1], [1, 2]], "", {}])
def test_arrays_refuse_what_is_no_number(bad):
    with pytest.raises(TypeError, match="N must be numeric, got"):
        finite_array("N", bad)


def test_arrays_refuse_complex_numbers():
    with pytest.raises(TypeError, match="N must be numeric"):
        finite_array("N", [1 + 2j])


@pytest.mark.parametrize("empty", [[], np.empty((0, 3))])
def test_arrays_refuse_to_be_empty(empty):
    with pytest.raises(ValueError, match="N must hold at least one value, got none"):
        finite_array("N", empty)


@pytest.mark.parametrize(("value", "ndim"), [(1, 1), ([1], 0), ([[1]], 1)])
def test_arrays_refuse_another_number_of_dimensions(value, ndim):
    with pytest.raises(ValueError, match=rf"N must have {ndim} dimension.* got shape"):
        finite_array("N", value, ndim=ndim)


@pytest.mark.parametrize("bad", [0, 0.0, -0.0, -1, -1e-300])
def test_positive_array_refuses_zero_and_below(bad):
    with pytest.raises(ValueError, match=r"D must be positive, got .* at index 1"):
        positive_array("D", [1.0, bad])


def test_positive_array_keeps_the_smallest_float():
    assert positive_array("D", 5e-324) == 5e-324


@pytest.mark.parametrize(
    ("bounds", "inside", "outside", "words"),
    [
        ({"above": 1}, 1.1, 1, "above 1"),
        ({"at_least": 1}, 1, 0.9, "at least 1"),
        ({"below": 1}, 0.9, 1, "below 1"),
        ({"at_most": 1}, 1, 1.1, "at most 1"),
        ({"above": 0, "at_most": 1}, 1, 0, "above 0 and at most 1"),
    ],
)
def test_number_holds_its_bounds(bounds, inside, outside, words):
    assert number("p", inside, **bounds) == inside
    with pytest.raises(ValueError, match=f"p must be {words}, got {outside:g}"):
        number("p", outside, **bounds)


@pytest.mark.parametrize("bad", [True, False, np.True_, [1], np.array([1.0]), "1", None])
def test_number_refuses_what_is_no_single_number(bad):
    with pytest.raises(TypeError, match="p must be"):
        number("p", bad)


@pytest.mark.parametrize("bad", NOT_FINITE)
def test_number_refuses_what_is_not_finite(bad):
    with pytest.raises(ValueError, match="p must be finite"):
        number("p", bad)


@given(st.integers(min_value=1, max_value=2**53))
def test_whole_keeps_whole_numbers(value):
    out = whole("n", value)
    assert out == value
    assert type(out) is int
    assert whole("n", float(value)) == value


@pytest.mark.parametrize(("bad", "words"), [(1.5, "a whole number"), (0, "at least 1")])
def test_whole_refuses_fractions_and_small_numbers(bad, words):
    with pytest.raises(ValueError, match=f"n must be {words}, got {bad:g}"):
        whole("n", bad)


def test_whole_takes_another_floor():
    assert whole("n", 0, at_least=0) == 0


def test_same_length_names_all_lengths():
    same_length(N=np.ones(2), D=[1, 2])
    with pytest.raises(ValueError, match=r"N, D, loss must .* N has 2, D has 2, loss has 3"):
        same_length(N=np.ones(2), D=np.ones(2), loss=np.ones(3))


def test_member_never_guesses():
    assert member("form", "kaplan", ["kaplan", "chinchilla"]) == "kaplan"
    with pytest.raises(ValueError, match=r"form must be one of 'kaplan'.*; got 'Kaplan'"):
        member("form", "Kaplan", (name for name in ["kaplan", "chinchilla"]))


# ---- what looks like numbers and is none ---------------------------------------------------


def test_a_masked_entry_is_refused_and_named():
    masked = np.ma.array([1.0, 2.0, 3.0], mask=[False, True, False])
    with pytest.raises(ValueError, match=r"loss must not be masked, got 1 masked of 3, .* index 1"):
        finite_array("loss", masked)
    with pytest.raises(ValueError, match="loss must not be masked"):
        finite_array("loss", [1.0, np.ma.masked])
    with pytest.raises(ValueError, match="loss must not be masked"):
        finite_array("loss", np.ma.masked)
    with pytest.raises(ValueError, match="p must not be masked"):
        number("p", np.ma.array(1.0, mask=True))


def test_a_masked_array_with_nothing_masked_is_its_numbers():
    out = finite_array("loss", np.ma.array([1.0, 2.0]))
    assert type(out) is np.ndarray
    assert out.tolist() == [1.0, 2.0]


@pytest.mark.parametrize(
    "bad",
    [
        np.array(["1.5", "2"], dtype=object),  # as pandas keeps a column of text
        np.array([1.0, True], dtype=object),
        np.array([1.0, 2j], dtype=object),
        np.array([1.0, None], dtype=object),
        np.array([b"1"], dtype=object),
        np.array(["2020-01-01"], dtype="datetime64[D]"),
        np.array([True, False]),
    ],
)
def test_objects_that_only_look_like_numbers_are_refused(bad):
    with pytest.raises(TypeError, match="N must be numeric"):
        finite_array("N", bad)


def test_whole_numbers_beyond_64_bits_are_kept_or_refused():
    assert finite_array("C", [10**30])[0] == 1e30
    with pytest.raises(ValueError, match="C must be finite, got a whole number beyond all floats"):
        finite_array("C", [10**400])


def test_a_missing_value_of_pandas_is_refused():
    pandas = pytest.importorskip("pandas")
    with pytest.raises(ValueError, match="loss must be finite, got nan at index 1"):
        finite_array("loss", pandas.Series([1.0, np.nan]))
    with pytest.raises(TypeError, match="loss must be numeric"):
        finite_array("loss", pandas.Series([1.0, pandas.NA], dtype="object"))
    with pytest.raises((TypeError, ValueError), match="loss must be"):
        finite_array("loss", pandas.Series([1, None], dtype="Int64"))
