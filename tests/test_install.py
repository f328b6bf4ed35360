"""How the set-up chooses a build of PyTorch, with the commands faked."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from install import (
    LOCK,
    TORCH_VERSION,
    Environment,
    choose_build,
    install_torch,
    main,
    run_quietly,
    satisfies,
    torch_routes,
)


def answering(code: int, stdout: str = ""):
    """Return a runner that gives one answer to every command."""
    return lambda command: subprocess.CompletedProcess(command, code, stdout, "")


def test_auto_takes_cuda_where_the_driver_names_a_gpu():
    build, reason = choose_build("auto", answering(0, "GPU 0: NVIDIA T4 (UUID: x)\n"))
    assert build == "cuda"
    assert "NVIDIA T4" in reason


@pytest.mark.parametrize(("code", "stdout"), [(127, ""), (9, "driver not running"), (0, " \n")])
def test_auto_takes_the_cpu_build_where_no_gpu_answers(code, stdout):
    build, reason = choose_build("auto", answering(code, stdout))
    assert build == "cpu"
    assert "nvidia-smi" in reason


@pytest.mark.parametrize("asked", ["cpu", "cuda"])
def test_a_build_that_is_asked_for_is_not_second_guessed(asked):
    def never(command):
        raise AssertionError(command)

    build, reason = choose_build(asked, never)
    assert build == asked
    assert f"TORCH={asked}" in reason


def test_a_command_that_does_not_exist_counts_as_failed():
    assert run_quietly(["surely-no-such-command-here"]).returncode == 127


def test_the_routes_to_a_cpu_build_in_order():
    routes = torch_routes("cpu", system="Linux", find_links=["/wheels", "/more"])
    flat = [" ".join(route.options) for route in routes]
    assert "--find-links /wheels" in flat[0]
    assert "--find-links /more" in flat[1]
    assert "--torch-backend=cpu" in flat[2]
    assert flat[3] == f"torch=={TORCH_VERSION}"
    assert all(f"torch=={TORCH_VERSION}+cpu" in route for route in flat[:3])
    assert [bool(route.warning) for route in routes] == [False, False, False, True]
    assert "CUDA" in routes[3].warning


def test_pip_is_not_given_an_option_that_only_uv_knows():
    routes = torch_routes("cpu", system="Linux", uv=False)
    assert not any("--torch-backend" in " ".join(route.options) for route in routes)


@pytest.mark.parametrize(("build", "system"), [("cpu", "Darwin"), ("cuda", "Linux")])
def test_the_plain_build_is_taken_without_a_warning_where_it_is_the_right_one(build, system):
    (route,) = torch_routes(build, system=system, find_links=["/wheels"])
    assert route.options == (f"torch=={TORCH_VERSION}",)
    assert not route.warning


def test_the_first_route_that_works_ends_the_search():
    tried, said = [], []
    routes = torch_routes("cpu", system="Linux", find_links=["/wheels"])

    def install(options):
        tried.append(options)
        return len(tried) == 2

    assert install_torch(install, routes, said.append)
    assert tried == [routes[0].options, routes[1].options]
    assert not any("WARNING" in line for line in said)
    assert said[-1].endswith(routes[1].words)


def test_the_last_route_warns_before_it_downloads():
    said = []
    routes = torch_routes("cpu", system="Linux")
    assert not install_torch(lambda options: False, routes, said.append)
    warning = next(i for i, line in enumerate(said) if "WARNING" in line)
    assert warning < len(said) - 1
    assert "CUDA" in said[warning]


@pytest.mark.parametrize(
    ("version", "build", "asked", "enough"),
    [
        (f"{TORCH_VERSION}+cpu", "cpu", "auto", True),
        (f"{TORCH_VERSION}", "cpu", "auto", True),
        (f"{TORCH_VERSION}+cpu", "cuda", "auto", True),
        (f"{TORCH_VERSION}+cpu", "cpu", "cpu", True),
        (f"{TORCH_VERSION}+cpu", "cuda", "cuda", False),
        (f"{TORCH_VERSION}", "cpu", "cpu", False),
        (f"{TORCH_VERSION}", "cuda", "cuda", True),
        ("2.6.0+cpu", "cpu", "auto", False),
    ],
)
def test_what_is_there_already_is_kept_when_it_will_do(monkeypatch, version, build, asked, enough):
    monkeypatch.setattr("platform.system", lambda: "Linux")
    assert satisfies(version, build, asked) is enough


def test_an_environment_that_works_is_adopted(tmp_path):
    env = Environment(tmp_path / "env", run=answering(0))
    env.python.parent.mkdir(parents=True)
    env.python.touch()
    assert env.make() == "found"


def test_an_environment_that_does_not_work_is_made_again(tmp_path):
    folder = tmp_path / "env"
    made = []

    def run(command):
        made.append(list(command))
        return subprocess.CompletedProcess(command, 0 if "venv" in command else 1, "", "")

    env = Environment(folder, run=run)
    env.python.parent.mkdir(parents=True)
    env.python.touch()
    assert env.make() == "made"
    assert made[-1] == [sys.executable, "-m", "venv", str(folder)]
    assert not env.python.exists()


def test_a_failing_venv_module_is_explained(tmp_path):
    env = Environment(tmp_path / "env", run=answering(1))
    with pytest.raises(SystemExit, match="python3-venv"):
        env.make()


def test_pip_does_the_work_where_uv_cannot_be_had(tmp_path):
    env = Environment(tmp_path / "env", run=answering(1))
    assert not env.get_uv()
    assert env.installer() == [str(env.python), "-m", "pip", "install"]


def test_the_lock_brings_nothing_that_it_does_not_name(monkeypatch):
    """Some of its packages need PyTorch, and would bring the build for CUDA."""
    installed = []

    class Recorded(Environment):
        def __init__(self, folder):
            super().__init__(folder, run=answering(0, f"{TORCH_VERSION}\n"))

        def install(self, options, *, show=False):
            installed.append(list(options))
            return True

    monkeypatch.setattr("install.Environment", Recorded)
    monkeypatch.setattr("sys.argv", ["install.py"])
    assert main() == 0
    assert [options[:2] for options in installed if str(LOCK) in options] == [["--no-deps", "-r"]]


def test_the_installer_needs_only_the_standard_library():
    source = Path(__file__).parent.parent / "tools" / "install.py"
    code = f"import sys; sys.path.insert(0, {str(source.parent)!r}); import install"
    subprocess.run([sys.executable, "-S", "-E", "-c", code], check=True)
