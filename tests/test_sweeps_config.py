"""Jobs, their keys, and the files that list them."""

import math
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scaling_utils.sweeps import ConfigError, expand, find_experiment, job_key, read_config
from scaling_utils.sweeps.jobs import checked_jobs, experiments

GOOD = """\
experiment = "sweep_jobs:power"

[fixed]
steps = 10

[[grid]]
vary = { width = [8, 16], seed = [0, 1] }
batch = 64

[[grid]]
vary = { width = [32] }
language = { order = 2, strengths = [1.5, 2.0] }
"""


def written(tmp_path, text: str, name: str = "study.toml"):
    path = tmp_path / name
    path.write_text(text)
    return path


def test_a_config_is_the_product_of_each_grid(tmp_path):
    config = read_config(written(tmp_path, GOOD))
    assert config.experiment == "sweep_jobs:power"
    assert config.jobs == [
        {"steps": 10, "batch": 64, "width": 8, "seed": 0},
        {"steps": 10, "batch": 64, "width": 8, "seed": 1},
        {"steps": 10, "batch": 64, "width": 16, "seed": 0},
        {"steps": 10, "batch": 64, "width": 16, "seed": 1},
        {"steps": 10, "language": {"order": 2, "strengths": [1.5, 2.0]}, "width": 32},
    ]


@pytest.mark.parametrize("suffix", ["yaml", "yml"])
def test_yaml_says_the_same(tmp_path, suffix):
    text = """\
experiment: sweep_jobs:power
fixed: {steps: 10}
grid:
  - vary: {width: [8, 16], seed: [0, 1]}
    batch: 64
  - vary: {width: [32]}
    language: {order: 2, strengths: [1.5, 2.0]}
"""
    path = written(tmp_path, text, f"study.{suffix}")
    assert read_config(path) == read_config(written(tmp_path, GOOD))


def test_yaml_without_pyyaml_is_explained(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "yaml", None)
    with pytest.raises(ConfigError, match="pip install pyyaml, or write it"):
        read_config(written(tmp_path, "experiment: x", "study.yaml"))


HEAD = 'experiment = "a:b"\n'
GRID = HEAD + "[[grid]]\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the key 'experiment' is missing"),
        ("experiment = 3\n", "experiment must be text, got 3"),
        (HEAD, "the key 'grid' is missing"),
        (HEAD + "grid = []\n", "at least one grid"),
        (HEAD + "[grid]\nvary = {a = [1]}\n", r"write \[\[grid\]\]"),
        (HEAD + "grid = [1]\n", "grid 1 must be a table, got 1"),
        (GRID + "a = 1\n", "grid 1: the key 'vary' is missing"),
        (GRID + "vary = {}\n", "vary must name at least one setting"),
        (GRID + "vary = 2\n", "vary must be a table of settings, got 2"),
        (GRID + "vary = {a = 1}\n", r"vary.a must be a list of values, got 1"),
        (GRID + "vary = {a = []}\n", "vary.a must hold at least one value"),
        (GRID + "vary = {a = [1, 1]}\n", 'grid 1 repeats a job of grid 1: {"a":1}'),
        (GRID + "vary = {a = [1]}\na = 2\n", "'a' is in vary too"),
        (GRID + "vary = {a = [1]}\nb = nan\n", "grid 1: b must be finite, got nan"),
        (GRID + "vary = {a = [1, inf]}\n", r"vary: a\[1\] must be finite, got inf"),
        (GRID + "vary = {a = [1]}\nb = 2026-01-01\n", "b must be text, a number.*got date"),
        (GRID + "vary = {key = [1]}\n", "the name 'key' is taken"),
        (HEAD + "[fixed]\na = 1\n[[grid]]\nvary = {a = [1]}\n", r"'a' is in \[fixed\] too"),
        (HEAD + "fixed = 1\n[[grid]]\nvary = {a = [1]}\n", "fixed must be a table"),
        (HEAD + "[[grids]]\nvary = {a = [1]}\n", "the key 'grids' is not known"),
        (HEAD + "grid = \n", "is not TOML"),
    ],
)
def test_a_bad_config_is_named_with_its_place(tmp_path, text, message):
    path = written(tmp_path, text)
    with pytest.raises(ConfigError, match=message) as caught:
        read_config(path)
    assert str(caught.value).startswith(f"{path}: ")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("study.json", b"{}", "must end in .toml, .yaml or .yml"),
        ("study.toml", b"\xff\xfe", "not a text file in UTF-8"),
        ("study.yaml", b"a: [", "is not YAML"),
        ("study.yaml", b"- 1", "must hold the keys experiment, fixed, grid"),
        ("study.yaml", b"experiment: a:b\ngrid: [{vary: {1: [2]}}]", "must be text, got 1"),
    ],
)
def test_a_file_of_the_wrong_kind(tmp_path, name, content, message):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=message):
        read_config(path)


def test_a_missing_file(tmp_path):
    with pytest.raises(ConfigError, match="No such file"):
        read_config(tmp_path / "none.toml")


SETTINGS = st.dictionaries(
    st.text("abcde", min_size=1, max_size=3),
    st.lists(st.integers() | st.booleans() | st.text(), min_size=1, max_size=3, unique_by=repr),
    min_size=1,
    max_size=3,
)


@given(SETTINGS)
def test_a_grid_has_as_many_different_jobs_as_combinations(vary):
    jobs = expand({"grid": [{"vary": vary}]})
    assert len(jobs) == math.prod(len(values) for values in vary.values())
    assert len(checked_jobs(jobs)) == len(jobs)


@given(st.dictionaries(st.text(min_size=1), st.integers() | st.floats(allow_nan=False,
       allow_infinity=False) | st.text() | st.none()))  # fmt: skip
def test_a_jobs_key_does_not_depend_on_the_order_of_its_settings(job):
    backwards = dict(reversed(job.items()))
    assert job_key(backwards) == job_key(job)
    assert job_key({**job, "another setting": 1}) != job_key(job)


def test_a_jobs_key_is_the_hash_of_its_json():
    # printf '{"a":[1,true,null],"b":"x"}' | sha256sum
    assert job_key({"b": "x", "a": [1, True, None]}) == "64156349ae56ec12"


@pytest.mark.parametrize(
    ("jobs", "error", "message"),
    [
        ([], ValueError, "at least one job, got none"),
        ({"a": 1}, TypeError, "jobs must be a list of dicts"),
        ("abc", TypeError, "jobs must be a list of dicts"),
        ([{"a": 1}, 2], TypeError, r"jobs\[1\] must be a dict, got 2"),
        ([{"a": 1}, {"a": 1}], ValueError, 'this one comes twice: {"a":1}'),
        ([{"a": math.nan}], ValueError, r"jobs\[0\]: a must be finite, got nan"),
        ([{"a": [0, math.inf]}], ValueError, r"a\[1\] must be finite, got inf"),
        ([{"a": {1, 2}}], TypeError, "got set"),
        ([{"a": {2: 1}}], TypeError, "must have text as keys, got 2"),
        ([{1: 2}], TypeError, "names of settings must be text, got 1"),
        ([{"": 2}], TypeError, "names of settings must be text, got ''"),
        ([{"row": 2}], ValueError, "the name 'row' is taken"),
    ],
)
def test_bad_jobs_are_refused(jobs, error, message):
    with pytest.raises(error, match=message):
        checked_jobs(jobs)


def test_registered_experiments_are_found():
    for name, address in experiments().items():
        found, function = find_experiment(name)
        assert found == address
        assert callable(function)


@pytest.mark.parametrize(
    ("name", "error", "message"),
    [
        ("nothing", ValueError, "one of those with a name"),
        ("sweep_jobs:", ValueError, "must be 'module:function'"),
        (":power", ValueError, "must be 'module:function'"),
        ("sweep_jobs:none", ValueError, "the module 'sweep_jobs' has no 'none'"),
        ("no_such_module:f", ValueError, "No module named 'no_such_module'"),
        ("sweep_jobs:__doc__", ValueError, "is not a function"),
        (3, TypeError, "experiment must be text, got 3"),
    ],
)
def test_an_unknown_experiment_is_explained(name, error, message):
    with pytest.raises(error, match=message):
        find_experiment(name)
