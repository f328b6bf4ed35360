"""Reading a fit that ``scaling-utils fit --save`` wrote, for the commands that use one."""

from scaling_utils.fitting import SavedFit, load

__all__ = ["SavedFit", "load"]
