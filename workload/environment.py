"""The variables that this program runs with; every other one is removed before a library can read it.

`STORAGE_EMULATOR_HOST` or `API_ENDPOINT_OVERRIDE`, which Google's libraries obey, would send a bearer token
elsewhere. The image's label keeps an operator from setting them, and this keeps them from counting: two
locks, of which each holds alone.
"""

from __future__ import annotations

from collections.abc import MutableMapping

from contract.operator_names import OPERATOR_NAMES

OF_THE_IMAGE = (
    "PATH",
    "HOME",
    "TMPDIR",
    "PYTHONPATH",
    "PYTHONSAFEPATH",
    "PYTHONNOUSERSITE",
    "PYTHONDONTWRITEBYTECODE",
    "PYTHONUNBUFFERED",
    "MALLOC_ARENA_MAX",
    "MALLOC_MMAP_THRESHOLD_",
    "MALLOC_TRIM_THRESHOLD_",
    "OPENBLAS_NUM_THREADS",
    "TF_CPP_MIN_LOG_LEVEL",
    "DISABLE_GCS_PYTHON_CLIENT_OTEL_BUCKET_METADATA",
)
"""Those that the Dockerfile's `ENV` sets."""
OF_THE_OPERATOR = OPERATOR_NAMES
PROXIES = ("HTTPS_PROXY", "https_proxy")
CERTIFICATES = ("REQUESTS_CA_BUNDLE",)
OF_THE_NETWORK = (*PROXIES, "NO_PROXY", "no_proxy", *CERTIFICATES)
"""A proxy, and the certificates to believe instead of the public ones. No operator can set them; where the
image itself does, or an emulator, the log and the receipt say so."""
OF_AN_EMULATOR = ("GCE_METADATA_HOST", "GCE_METADATA_IP")
"""Where the machine's own service account is asked for: the operator's, whose it may as well be."""

_KEPT = frozenset({*OF_THE_IMAGE, *OF_THE_OPERATOR, *OF_THE_NETWORK, *OF_AN_EMULATOR})


def narrow(environment: MutableMapping[str, str]) -> None:
    """`environment` has the known names alone.

    >>> environment = {"TOP_K": "3", "STORAGE_EMULATOR_HOST": "http://elsewhere"}
    >>> narrow(environment)
    >>> environment
    {'TOP_K': '3'}
    """
    for name in [name for name in environment if name not in _KEPT]:
        del environment[name]
