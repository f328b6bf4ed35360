"""Make the virtual environment that every target of the Makefile uses.

    python3 tools/install.py [--torch auto|cpu|cuda] [--venv .venv]

Needs only Python's standard library. It makes the environment, gets uv into it (pip does
the work where uv cannot be had), installs the packages that `requirements.lock` names, then
PyTorch, then this project in editable form.

PyTorch is not in the lock, because the right build depends on the machine: the default
Linux wheel brings about 2.7 GB of CUDA, which a machine without a GPU has no use for.
`auto` takes the CUDA build where `nvidia-smi` answers and the CPU build elsewhere.
"""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOCK = ROOT / "requirements.lock"
TORCH_VERSION = "2.13.0"
OLDEST_PYTHON = (3, 11)

Runner = Callable[[Sequence[str]], "subprocess.CompletedProcess[str]"]


@dataclass(frozen=True)
class Route:
    """One way to get PyTorch: the options for the installer, and the words to print."""

    words: str
    options: tuple[str, ...]
    warning: str = ""


def run_quietly(command: Sequence[str]) -> subprocess.CompletedProcess[str]:
    """Run a command and keep what it says; one that cannot be started counts as failed."""
    try:
        return subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError as error:
        return subprocess.CompletedProcess(command, 127, "", str(error))


def choose_build(asked: str, run: Runner = run_quietly) -> tuple[str, str]:
    """Return which build of PyTorch to install, 'cpu' or 'cuda', and the reason."""
    if asked != "auto":
        return asked, f"TORCH={asked} asks for it"
    answer = run(["nvidia-smi", "-L"])
    if answer.returncode == 0 and answer.stdout.strip():
        return "cuda", f"nvidia-smi reports {answer.stdout.strip().splitlines()[0]}"
    return "cpu", "nvidia-smi reports no GPU"


def satisfies(version: str, build: str, asked: str) -> bool:
    """Say whether an installed PyTorch will do.

    The version must be the pinned one. Where the build was asked for by name it must match
    too; with `auto` any build does, so that an environment that works is left alone.
    """
    public, _, local = version.partition("+")
    if public != TORCH_VERSION:
        return False
    return asked == "auto" or platform.system() != "Linux" or (local == "cpu") == (build == "cpu")


def torch_routes(
    build: str, *, system: str, find_links: Sequence[str] = (), uv: bool = True
) -> list[Route]:
    """Return the ways to get a build, in the order in which to try them.

    Parameters
    ----------
    build : 'cpu' or 'cuda'.
    system : what `platform.system()` says; only the Linux wheels of the registry hold CUDA.
    find_links : folders or pages with wheels, from PIP_FIND_LINKS; uv does not read it.
    uv : whether uv is there; only it knows where PyTorch's own CPU builds lie.
    """
    pinned = f"torch=={TORCH_VERSION}"
    plain = Route("the registry's default build", (pinned,))
    if build == "cuda" or system != "Linux":
        return [plain]
    cpu = f"{pinned}+cpu"
    routes = [
        Route(f"CPU build from {place}", ("--no-deps", "--no-index", "--find-links", place, cpu))
        for place in find_links
    ]
    if uv:
        routes.append(
            Route("CPU build from PyTorch's own index", ("--no-deps", "--torch-backend=cpu", cpu))
        )
    warning = "no CPU build could be had; the default build may bring about 2.7 GB of CUDA"
    return [*routes, Route(plain.words, plain.options, warning)]


def install_torch(
    install: Callable[[Sequence[str]], bool], routes: Sequence[Route], say: Callable = print
) -> bool:
    """Try the routes in turn and say which one worked; return False if none did."""
    for route in routes:
        if route.warning:
            say(f"  WARNING: {route.warning}")
        if install(route.options):
            say(f"  torch {TORCH_VERSION}: {route.words}")
            return True
        say(f"  not available: {route.words}")
    return False


class Environment:
    """A virtual environment and the installer that fills it."""

    def __init__(self, folder: Path, run: Runner = run_quietly):
        self.folder = folder
        self.run = run
        self.python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
        self.uv: Path | None = None

    def make(self) -> str:
        """Create the environment, or adopt one that works; return what was done."""
        test = f"import sys, pip; sys.exit(sys.version_info < {OLDEST_PYTHON})"
        if self.python.exists() and self.run([str(self.python), "-c", test]).returncode == 0:
            return "found"
        if self.folder.exists():
            shutil.rmtree(self.folder)
        made = self.run([sys.executable, "-m", "venv", str(self.folder)])
        if made.returncode != 0:
            raise SystemExit(
                f"{made.stdout}{made.stderr}\nPython's venv module did not work. "
                "On Debian and Ubuntu it is in the package python3-venv."
            )
        return "made"

    def get_uv(self) -> bool:
        """Get uv into the environment; return whether it is there."""
        uv = self.python.with_name("uv" + self.python.suffix)
        if not uv.exists():
            self.run([str(self.python), "-m", "pip", "install", "--quiet", "uv>=0.7"])
        if uv.exists():
            self.uv = uv
        return self.uv is not None

    def installer(self) -> list[str]:
        if self.uv is not None:
            # uv leaves Python's files as they are. Where Python may not write what it compiles,
            # as in many containers, each program and notebook would compile PyTorch anew.
            compiled = ["--compile-bytecode"]
            return [str(self.uv), "pip", "install", "--python", str(self.python), *compiled]
        return [str(self.python), "-m", "pip", "install"]

    def install(self, options: Sequence[str], *, show: bool = False) -> bool:
        """Install with the given options; return whether it worked."""
        command = [*self.installer(), *options]
        if show:
            return subprocess.run(command, check=False).returncode == 0
        return self.run(command).returncode == 0

    def version(self, package: str) -> str:
        """Return the installed version of a package, or an empty string."""
        code = f"from importlib.metadata import version; print(version({package!r}))"
        answer = self.run([str(self.python), "-c", code])
        return answer.stdout.strip() if answer.returncode == 0 else ""


def provide_torch(env: Environment, asked: str) -> None:
    """Install PyTorch unless a build that will do is there."""
    build, reason = choose_build(asked)
    there = env.version("torch")
    if there and satisfies(there, build, asked):
        print(f"  torch {there} is there already")
        return
    print(f"  {build.upper()} build wanted, because {reason}")
    find_links = os.environ.get("PIP_FIND_LINKS", "").split()
    routes = torch_routes(
        build, system=platform.system(), find_links=find_links, uv=env.uv is not None
    )

    def install(options: Sequence[str]) -> bool:
        large = "--no-deps" not in options  # the CUDA packages: show how it goes
        return env.install(
            (*options, "--reinstall-package=torch") if there else options, show=large
        )

    if not install_torch(install, routes):
        version = ".".join(map(str, sys.version_info[:2]))
        raise SystemExit(
            f"torch {TORCH_VERSION} could not be installed. There may be no build of it for "
            f"Python {version} on {platform.system()} {platform.machine()}, or no network. "
            "Try another interpreter: make PYTHON=python3.13"
        )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--torch", choices=("auto", "cpu", "cuda"), default="auto")
    parser.add_argument("--venv", type=Path, default=ROOT / ".venv")
    args = parser.parse_args()
    if sys.version_info < OLDEST_PYTHON:
        raise SystemExit(f"Python 3.11 or later is needed; this is {platform.python_version()}.")
    env = Environment(args.venv.absolute())
    print(f"[1/4] {env.folder}: ", end="", flush=True)
    done = env.make()
    print(f"{done}, Python {env.run([str(env.python), '-V']).stdout.split()[-1]}", flush=True)
    print("[2/4] Packages from requirements.lock", flush=True)
    if not env.get_uv():
        print("  uv could not be had; pip does the same in some minutes", flush=True)
    # The lock is complete but for PyTorch, which some of its packages would bring with CUDA.
    if not env.install(["--no-deps", "-r", str(LOCK)], show=True):
        return 1
    print(f"[3/4] PyTorch {TORCH_VERSION}", flush=True)
    provide_torch(env, args.torch)
    print("[4/4] This project, editable", flush=True)
    return 0 if env.install(["--no-deps", "-e", str(ROOT)], show=True) else 1


if __name__ == "__main__":
    sys.exit(main())
