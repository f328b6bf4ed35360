"""What is raised for a table that cannot be used."""


class TableError(ValueError):
    """A table that cannot be used; the message names the file and, where it can, the cell."""
