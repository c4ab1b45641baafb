"""The certificate that all emulated hosts show, issued once a state folder by a throw-away authority.

The authority's key is never written: nobody, the emulator included, can issue a second
certificate that this folder's clients would believe.
"""

from __future__ import annotations

import ssl
from pathlib import Path

from .state import reading, write_atomically

_NAMES = ("*.googleapis.com", "*.pkg.dev")


def is_covered(host: str) -> bool:
    """Whether the certificate is one for `host`: the emulator can answer there, if only what it lacks.

    >>> is_covered("logging.googleapis.com"), is_covered("a.b.googleapis.com"), is_covered("example.com")
    (True, False, False)
    """
    return f"*.{host.lower().partition('.')[2]}" in _NAMES


def server_context(folder: Path) -> ssl.SSLContext:
    """TLS for the emulated hosts; `DIR/ca.pem` is what clients believe."""
    certificate = folder / "tls.pem"
    if not certificate.exists():
        import trustme  # 30 ms, once a state folder

        authority = trustme.CA(organization_name="symbolon emulator")
        issued = authority.issue_cert(*_NAMES)
        write_atomically(folder / "ca.pem", authority.cert_pem.bytes())
        write_atomically(certificate, issued.private_key_and_cert_chain_pem.bytes())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with reading(certificate):
        context.load_cert_chain(certificate)
    # HTTP/2 is for those alone who speak nothing else: gRPC.
    context.set_alpn_protocols(["http/1.1", "h2"])
    return context
