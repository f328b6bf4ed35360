"""Applies the rules of tests/notebook_cells.py to tests and chapters."""

pytest_plugins = ["notebook_cells"]
