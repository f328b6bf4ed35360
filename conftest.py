"""Applies the rules of tests/notebook_cells.py to tests and chapters; holds the site's browser."""

pytest_plugins = ["notebook_cells", "site_pages"]
