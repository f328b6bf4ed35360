"""Jobs, their keys, and the files that list them."""

import itertools
import math
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scaling_utils.sweeps import (
    ConfigError,
    expand,
    find_experiment,
    job_key,
    read_config,
    yaml_files,
)
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


SHORT = "experiment: a:b\ngrid: [{vary: {x: [1]}}]"


@pytest.mark.parametrize(("name", "text"), [("s.toml", GOOD), ("s.yaml", SHORT)])
def test_a_byte_order_mark_changes_nothing(tmp_path, name, text):
    plain = read_config(written(tmp_path, text, name))
    (tmp_path / name).write_bytes(b"\xef\xbb\xbf" + text.encode())
    assert read_config(tmp_path / name) == plain


# --- YAML and its twin in TOML --------------------------------------------------------------


def value_of(tmp_path, suffix: str, text: str):
    """Return the one setting of a config in which its value is written as ``text``."""
    if suffix == "toml":
        config = f'experiment = "a:b"\n[[grid]]\nvary = {{x = [{text}]}}\n'
    else:
        config = f"experiment: a:b\ngrid:\n  - vary: {{x: [{text}]}}\n"
    (job,) = read_config(written(tmp_path, config, f"study.{suffix}")).jobs
    return job["x"]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-3", 0.001), ("1E5", 1e5), ("1e+2", 100.0), ("-3e-4", -3e-4), ("2.5e3", 2500.0),
        ("0.5", 0.5), ("10", 10), ("-7", -7), ("+7", 7), ("0", 0), ("1_000", 1000), ("0x1f", 31),
        ("0o17", 15), ("0b101", 5), ("true", True), ("false", False), ('"no"', "no"),
        ('"1e-3"', "1e-3"), ("'010'", "010"), ('"1-1-1"', "1-1-1"), ("[1, 2.0]", [1, 2.0]),
    ],
)  # fmt: skip
def test_yaml_and_toml_give_the_same_job(tmp_path, text, value):
    for suffix in ("toml", "yaml"):
        found = value_of(tmp_path, suffix, text)
        assert (found, type(found)) == (value, type(value))


@given(st.integers(-(10**30), 10**30) | st.floats(allow_nan=False, allow_infinity=False))
def test_every_number_that_python_prints_is_read_back_from_yaml(number):
    (found,) = yaml_files.read_yaml(f"[{number!r}]")
    assert (found, type(found)) == (number, type(number))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("adam", "adam"), ("3.4.5", "3.4.5"), ("16M", "16M"), ("y", "y"), ("1e", "1e"), ("~", None),
        ("null", None), (".5", 0.5), ("5.", 5.0), ("True", True), ("FALSE", False),
    ],
)  # fmt: skip
def test_what_yaml_alone_can_say(tmp_path, text, value):
    found = value_of(tmp_path, "yaml", text)
    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("no", 'no can be text or a switch: write true, false or "no"'),
        ("On", "On can be text or a switch"),
        ("010", "010 can be text, a date or a number"),
        ("1__0", "1__0 can be text"),
        ("1:30", "1:30 can be text"),
        ("2026-01-01", "2026-01-01 can be text, a date"),
        ("nan", "nan can be text"),
        ("-Infinity", "-Infinity can be text"),
        ("0x_1", "0x_1 can be text"),
        (".nan", r"x\[0\] must be finite, got nan"),
        ("-.inf", r"x\[0\] must be finite, got -inf"),
        ("1e999", r"x\[0\] must be finite, got inf"),
        ("&a 1", "anchors"),
        ("!!float 1", r"tags \(tag:yaml.org,2002:float\) are not read"),
        ("!!python/name:os.system x", "tags"),
        ("{a: 1, a: 2}", "the key 'a' comes twice"),
        ("{<<: {a: 1}}", "merge keys"),
        ("{[1]: 2}", "a key must be text"),
        ("{true: 2}", "must have text as keys, got True"),
    ],
)
def test_what_yaml_can_mean_in_two_ways_is_refused_with_its_line(tmp_path, text, message):
    with pytest.raises(ConfigError, match=message):
        value_of(tmp_path, "yaml", text)


@pytest.mark.parametrize("suffix", ["toml", "yaml"])
@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("1, 1.0", '{"x":1.0}, written as {"x":1} before'),
        ("[1, 2], [1.0, 2]", '{"x":[1.0,2]}, written as {"x":[1,2]} before'),
        ("0.0, -0.0", '{"x":-0.0}, written as {"x":0.0} before'),
    ],
)
def test_equal_numbers_make_equal_jobs(tmp_path, suffix, text, words):
    with pytest.raises(ConfigError, match="grid 1 repeats a job of grid 1: ") as caught:
        value_of(tmp_path, suffix, text)
    assert words in str(caught.value)


def test_true_is_not_one():
    assert len(expand({"grid": [{"vary": {"x": [1, True, 0, False, "1"]}}]})) == 5


def test_jobs_are_counted_before_they_are_made():
    grids = [{"vary": {"a": [*range(317)], "b": [*range(316)]}}]  # 100,172
    with pytest.raises(ConfigError, match="the grids make 100,172 jobs; a sweep may have 100,000"):
        expand({"grid": grids})
    with pytest.raises(ValueError, match="jobs must be 100,000 at most; there are more"):
        checked_jobs({"a": n} for n in itertools.count())


def test_a_list_that_holds_itself_is_refused():
    endless: list = []
    endless.append(endless)
    with pytest.raises(ValueError, match="must be nested 16 levels deep at most"):
        checked_jobs([{"a": endless}])


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
        ([{"a": 1}, {"a": 1.0}], ValueError, 'twice: {"a":1.0}, written as {"a":1} before'),
        ([{"a": 10**5000}], ValueError, "a must be a whole number of 1000 digits at most"),
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
