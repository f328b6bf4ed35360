"""Being written: configurations of Hugging Face."""

MODEL_TYPES = ()


def from_config(config):
    """Return the architecture of a configuration."""
    raise NotImplementedError
