"""cloudkms.googleapis.com: key rings, keys and their versions, and what is encrypted with them.

Symmetric encryption by software is here (`ENCRYPT_DECRYPT`, `GOOGLE_SYMMETRIC_ENCRYPTION`, `SOFTWARE`); every
other purpose, algorithm and protection level is refused with a sentence. A key's material lies in the state
folder, in clear, beside what else the emulator keeps: whoever can read the folder has it. Absent: import,
deletion of rings and keys, asymmetric and raw keys, MACs, external keys, Autokey.

Source: Cloud Key Management Service API reference v1, `projects.locations.keyRings`.
"""

from __future__ import annotations

from starlette.routing import BaseRoute

from ..state import State
from . import allow_policies, crypto_key_versions, crypto_keys, encrypting, key_rings
from .access import Access
from .store import KeyStore


def routes(state: State) -> list[BaseRoute]:
    """Everything under `/v1/projects`; what ends in a verb comes before the names that it could be."""
    store = KeyStore(state)
    access = Access(state, store)
    return [
        *encrypting.routes(access),
        *allow_policies.routes(access, store),
        *crypto_key_versions.routes(access, store),
        *crypto_keys.routes(access, store),
        *key_rings.routes(access, store),
    ]
