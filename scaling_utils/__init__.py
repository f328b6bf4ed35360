"""Helpers for the book *Neural Scaling*, and for your own runs.

The rooms are imported when they are first used, so ``import scaling_utils`` loads
neither torch nor scipy:

>>> import scaling_utils as su
>>> round(su.laws.CHINCHILLA.optimal(5.76e23).tokens_per_parameter)
59

A room imports only from the floors below its own:

- ``units``: work, memory and losses in the same units everywhere
- ``laws``, ``hardware``, ``shapes``: laws as objects; accelerators; shapes of transformers
- ``counting``, ``memory``, ``fitting``: parameters and FLOPs; bytes; laws from tables of runs
- ``tables``: tables of runs as their authors have them
- ``carbon``: energy and emissions, with dated tables
- ``architectures``: published models to the integer
- ``corpora``, ``models``, ``training``: texts and sources; what is trained; the loop
- ``planning``: plans of training runs, each answer with its range
- ``tasks``: what a model learns on, and how it is measured
- ``distributed``: several processes from a notebook cell, and what they say to each other
- ``judging``: scores of models, with their uncertainty
- ``studies``, ``sweeps``: reading recorded runs; the engine that makes them
- ``experiments``: what several studies run
- ``contest``: a contest on your own CPU, with its ledger and its points
- ``notebook``, ``cli``: claims, tables and figures of a chapter; the command line
"""

from importlib import import_module

__version__ = "0.1.0"

# Floor by floor: a room imports only from the floors before its own.
_ROOMS = (
    "units",
    "laws",
    "hardware",
    "shapes",
    "counting",
    "memory",
    "fitting",
    "tables",
    "carbon",
    "architectures",
    "corpora",
    "models",
    "training",
    "planning",
    "tasks",
    "distributed",
    "judging",
    "studies",
    "sweeps",
    "experiments",
    "contest",
    "notebook",
    "cli",
)

__all__ = ["__version__", *_ROOMS]


def __getattr__(name: str):
    if name in _ROOMS:
        return import_module(f"{__name__}.{name}")
    raise AttributeError(
        f"module {__name__!r} has no attribute {name!r}; rooms: {', '.join(_ROOMS)}"
    )


def __dir__():
    return sorted(__all__)
