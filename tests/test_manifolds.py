"""Data of known dimension, functions of known smoothness, and the estimator of the dimension."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scaling_utils.corpora.manifolds import SIDE, EmbeddedCube, Waves
from scaling_utils.fitting.dimension import two_nearest_neighbours


def distances(points):
    return np.linalg.norm(points[:, None] - points[None], axis=-1)


def test_a_flat_cube_keeps_distances_and_spans_its_own_dimension():
    cube = EmbeddedCube(3, 16)
    x = cube.coordinates(50, seed=1)
    assert distances(cube.embed(x)) == pytest.approx(distances(x), abs=1e-9)
    assert np.linalg.matrix_rank(cube.embed(x)) == 3


def test_coordinates_fill_a_cube_of_unit_variance():
    x = EmbeddedCube(2, 5).coordinates(40_000, seed=0)
    assert x.mean(0) == pytest.approx([0, 0], abs=0.02)
    assert x.var(0) == pytest.approx([1, 1], rel=0.02)
    assert np.abs(x).max() <= SIDE / 2
    assert math.isclose(SIDE**2 / 12, 1)


def test_a_bent_cube_leaves_its_plane_but_keeps_its_dimension():
    cube = EmbeddedCube(2, 10, bend=0.5)
    z = cube.embed(cube.coordinates(3000, seed=0))
    assert np.linalg.matrix_rank(z - z.mean(0), tol=1e-6) == 10
    assert two_nearest_neighbours(z).dimension == pytest.approx(2, rel=0.08)


def test_a_bent_cube_is_a_graph_over_the_flat_one():
    bent, flat = EmbeddedCube(2, 6, bend=0.7, seed=3), EmbeddedCube(2, 6, seed=3)
    x = bent.coordinates(20, seed=0)
    shift = (bent.embed(x) - flat.embed(x)) @ bent.rotation
    assert shift[:, :2] == pytest.approx(np.zeros((20, 2)), abs=1e-12)
    assert np.abs(shift[:, 2:]).max() <= 0.7 + 1e-12


def test_points_depend_on_their_own_seed_alone():
    first, second = EmbeddedCube(2, 6, seed=0), EmbeddedCube(2, 9, bend=1, seed=1)
    assert np.array_equal(first.coordinates(10, 5), second.coordinates(10, 5))
    assert not np.array_equal(first.coordinates(10, 5), first.coordinates(10, 6))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"dimension": 0, "ambient": 3}, "dimension must be at least 1"),
        ({"dimension": 2.5, "ambient": 3}, "dimension must be a whole number"),
        ({"dimension": 4, "ambient": 3}, "ambient must be at least 4"),
        ({"dimension": 2, "ambient": 3, "bend": -1}, "bend must be at least 0"),
        ({"dimension": 2, "ambient": 3, "bend": math.nan}, "bend must be finite"),
        ({"dimension": 2, "ambient": 3, "seed": -1}, "seed must be at least 0"),
    ],
)
def test_bad_cubes_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        EmbeddedCube(**arguments)


@pytest.mark.parametrize("use", [EmbeddedCube(2, 4).embed, Waves(2, 1, waves=8)])
@pytest.mark.parametrize("points", [np.zeros((3, 4)), np.zeros(2), [[0, math.inf]], []])
def test_points_of_the_wrong_shape_are_refused(use, points):
    with pytest.raises(ValueError, match="coordinates must"):
        use(points)


@pytest.mark.parametrize("dimension", [1, 4])
def test_a_sum_of_waves_has_mean_zero_and_variance_one(dimension):
    values = Waves(dimension, 2, seed=4)(EmbeddedCube(dimension, dimension).coordinates(20_000, 9))
    assert values.mean() == pytest.approx(0, abs=0.06)
    assert values.std() == pytest.approx(1, rel=0.05)


def test_the_spectrum_falls_by_four_to_the_s_in_each_octave():
    waves = Waves(3, 1.5, octaves=4, waves=8000)
    radii = np.linalg.norm(waves.vectors, axis=1)
    octave = np.floor(np.log2(radii)).astype(int)
    assert octave.min() == 0
    assert octave.max() == 3
    power = np.bincount(octave, waves.amplitudes**2)
    assert power[1:] / power[:-1] == pytest.approx([4**-1.5] * 3, rel=0.15)


def test_one_wave_is_a_cosine():
    waves = Waves(2, 2, waves=1, seed=1)
    x = EmbeddedCube(2, 2).coordinates(100, 0)
    by_hand = waves.amplitudes[0] * np.cos(x @ waves.vectors[0] + waves.phases[0])
    assert waves(x) == pytest.approx((by_hand - waves.mean) / waves.scale, abs=1e-4)


def test_straight_lines_between_nodes_miss_an_analytic_function_by_the_fourth_power():
    x, f = np.linspace(-SIDE / 2, SIDE / 2, 5001), Waves(1, 2, octaves=1, seed=2)
    errors = []
    for pieces in (32, 64):
        nodes = np.linspace(-SIDE / 2, SIDE / 2, pieces + 1)
        straight = np.interp(x, nodes, f(nodes[:, None]))
        errors.append(np.mean((straight - f(x[:, None])) ** 2))
    assert errors[0] / errors[1] == pytest.approx(16, rel=0.02)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"dimension": 0, "smoothness": 1}, "dimension must be at least 1"),
        ({"dimension": 2, "smoothness": -1}, "smoothness must be at least 0"),
        ({"dimension": 2, "smoothness": math.inf}, "smoothness must be finite"),
        ({"dimension": 2, "smoothness": 1, "octaves": 0}, "octaves must be above 0"),
        ({"dimension": 2, "smoothness": 1, "waves": 0}, "waves must be at least 1"),
    ],
)
def test_bad_waves_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        Waves(**arguments)


def test_the_estimate_by_hand():
    # Nearest and second distances of 0, 1 and 3: (1, 3), (1, 2), (2, 3). Ratios 3, 2, 1.5.
    found = two_nearest_neighbours([[0.0], [1.0], [3.0]])
    assert found.dimension == pytest.approx(2 / math.log(3 * 2 * 1.5))
    assert found.standard_error == pytest.approx(found.dimension)
    assert found.scale == pytest.approx(8 / 3)
    assert found.points == 3


@pytest.mark.parametrize("dimension", [1, 2, 5])
def test_the_estimate_covers_the_dimension_of_a_gaussian_cloud(dimension):
    points = np.random.default_rng(dimension).standard_normal((4000, dimension))
    found = two_nearest_neighbours(points)
    assert abs(found.dimension - dimension) < 4 * found.standard_error


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 1000), st.floats(0.01, 100))
def test_neither_scale_nor_rotation_nor_more_coordinates_matter(seed, scale):
    rng = np.random.default_rng(seed)
    points = rng.standard_normal((60, 2))
    turned = np.linalg.qr(rng.standard_normal((7, 7)))[0][:, :2]
    moved = scale * points @ turned.T + rng.standard_normal(7)
    expected = two_nearest_neighbours(points)
    found = two_nearest_neighbours(moved)
    assert found.dimension == pytest.approx(expected.dimension, rel=1e-6)
    assert found.scale == pytest.approx(scale * expected.scale, rel=1e-6)


@pytest.mark.parametrize(
    ("points", "message"),
    [
        ([[0.0], [1.0]], "at least 3 rows, got 2"),
        ([[0.0], [1.0], [1.0], [4.0]], "must differ, got 2 that have a twin"),
        ([[0.0], [1.0], [math.nan]], "must be finite"),
        ([0.0, 1.0, 3.0], "must have 2 dimension"),
        ([], "must have 2 dimension"),
        ([[0, 0], [0, 1], [1, 0], [1, 1]], "must not form a lattice"),
    ],
)
def test_points_without_a_dimension_are_refused(points, message):
    with pytest.raises(ValueError, match=message):
        two_nearest_neighbours(points)
