"""Where the gateway is: all that anything outside the emulator's process has to know of it."""

from __future__ import annotations

import argparse
import re
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Where the gateway is, and whose certificates to believe there."""

    proxy: str
    """`http://127.0.0.1:PORT`"""
    gateway_socket: Path
    ca_file: Path


_CERTIFICATES = (
    "REQUESTS_CA_BUNDLE",  # Python's requests
    "SSL_CERT_FILE",  # OpenSSL, so Python's ssl and aiohttp; Go, so skopeo and buildah
    "CURL_CA_BUNDLE",  # curl, and TensorFlow's `gs://`
    "HTTPLIB2_CA_CERTS",  # google-api-python-client
    "NODE_EXTRA_CA_CERTS",
    "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH",
    "CLOUDSDK_CORE_CUSTOM_CA_CERTS_FILE",  # gcloud and gsutil, which hangs without it
)
"""By which name each client is told whose certificates to believe."""


def client_env(*, proxy: str, ca_file: str) -> dict[str, str]:
    """What any production client needs in its environment to take the emulator for Google.

    Both spellings, because the lower-case one wins in Python where a person's shell has set it.
    """
    return {
        "HTTPS_PROXY": proxy,
        "https_proxy": proxy,
        "NO_PROXY": "",
        "no_proxy": "",
        **dict.fromkeys(_CERTIFICATES, ca_file),
        # else each storage client asks for every bucket's metadata in the background
        "DISABLE_GCS_PYTHON_CLIENT_OTEL_BUCKET_METADATA": "true",
    }


_ROUTE = re.compile(
    r"(?P<name>[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)+)=127\.0\.0\.1:(?P<port>\d{1,5})"
)


def parse_route(text: str) -> tuple[str, int]:
    """Which host's name leads to which port of this machine; a type of argparse's.

    >>> parse_route("broker.primus.example=127.0.0.1:8443")
    ('broker.primus.example', 8443)

    Raises:
        argparse.ArgumentTypeError: it is not written like that; another machine is none to route to.
    """
    match = _ROUTE.fullmatch(text.lower())
    if match is None or not 0 < int(match["port"]) < 65536:
        raise argparse.ArgumentTypeError(f"`{text[:80]}` is not of the form `NAME=127.0.0.1:PORT`")
    return match["name"], int(match["port"])
