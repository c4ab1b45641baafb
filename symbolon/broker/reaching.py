"""Whether the broker of a folder answers, where it listens and by the key that it is known by."""

from __future__ import annotations

import http.client
import json
import ssl
from collections.abc import Mapping

from attestation.digests import Digest
from contract.pins import pin_of
from release.settings import Settings

_TIMEOUT_S = 10
_ANYWHERE = {"0.0.0.0": "127.0.0.1", "[::]": "[::1]"}  # noqa: S104  what is listened at, not what we listen at
_MOST_BYTES = 64 << 10


def checks_of(settings: Settings, *, address: str | None = None) -> Mapping[str, str] | None:
    """What the broker that listens there says of itself; None where nobody answers, or somebody else does."""
    host, _, port = (address or settings.broker.address).rpartition(":")
    host = _ANYWHERE.get(host, host).strip("[]")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    # INVARIANT: the key is compared with its pin below, before anything is sent.
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    connection = http.client.HTTPSConnection(host, int(port), timeout=_TIMEOUT_S, context=context)
    try:
        connection.connect()
        if _pin(connection) not in (settings.tls.pin, settings.tls.next_pin):
            return None
        connection.request("GET", "/readyz")
        said = json.loads(connection.getresponse().read(_MOST_BYTES))
        return {str(name): str(found) for name, found in said["checks"].items()}
    except (OSError, http.client.HTTPException, ValueError, LookupError, TypeError, AttributeError):
        return None
    finally:
        connection.close()


def _pin(connection: http.client.HTTPSConnection) -> Digest:
    shown = connection.sock.getpeercert(binary_form=True)
    return pin_of(shown or b"")
