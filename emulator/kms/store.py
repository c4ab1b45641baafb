"""Where rings and keys are kept: documents of the state folder, a key with its material in one of them.

Source: google.cloud.kms.v1, `KeyRing` and `CryptoKey`.
"""

from __future__ import annotations

from collections.abc import Iterator

from ..state import Document, State, reading
from .keys import CryptoKey, from_document, to_document
from .lifecycle import settle


class KeyStore:
    """Rings and keys by name, as they are now: what is due is done before anybody sees it.

    Raises:
        Misconfigured: what is kept of a key is not what an emulator writes.
    """

    def __init__(self, state: State) -> None:
        self.now = state.clock
        """Seconds since the epoch, by the emulator's clock."""
        self._rings = state.collection("cloudkms.keyRings")
        self._keys = state.collection("cloudkms.cryptoKeys")
        with reading(state.folder / "documents" / "cloudkms.cryptoKeys.json"):
            self._settle()

    def _settle(self) -> None:
        """Every rotation and every destruction that is due is done, on disk too."""
        for name, document in self._keys.items():
            before = from_document(document)
            after = settle(before, self.now())
            if after != before:
                self._keys.put(name, to_document(after))

    def ring(self, name: str) -> Document | None:
        """`{"resource", "policy"}` of the ring, if there is one."""
        return self._rings.get(name)

    def put_ring(self, name: str, ring: Document) -> None:
        """The ring is kept."""
        self._rings.put(name, ring)

    def rings_in(self, location: str) -> Iterator[tuple[str, Document]]:
        """The rings of a location, in the order of their names."""
        within = f"{location}/keyRings/"
        return ((name, each) for name, each in self._rings.items() if name.startswith(within))

    def key(self, name: str) -> CryptoKey | None:
        """The key of that name, if there is one."""
        self._settle()
        document = self._keys.get(name)
        return None if document is None else from_document(document)

    def put_key(self, key: CryptoKey) -> CryptoKey:
        """The key is kept, in one write, which a killed process did or did not do."""
        self._keys.put(key.name, to_document(key))
        return key

    def keys_in(self, ring: str) -> Iterator[tuple[str, CryptoKey]]:
        """The keys of a ring, in the order of their names."""
        self._settle()
        within = f"{ring}/cryptoKeys/"
        found = ((name, each) for name, each in self._keys.items() if name.startswith(within))
        return ((name, from_document(each)) for name, each in found)
