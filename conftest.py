"""Applies the rules of tests/notebook_cells.py and of tests/order.py to tests and chapters."""

pytest_plugins = ["notebook_cells", "order"]
