"""The command `symbolon`."""

from typing import Final

__version__: Final = "0.1.0"
"""As `pyproject.toml` has it; here it can be read without looking through what is installed."""
