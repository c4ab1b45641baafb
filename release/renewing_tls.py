"""The broker's next TLS key takes its turn, and one more is made.

Files are named by what is in them and never change; the settings, written in one go, say which is shown. So
whoever is interrupted has the old state or the new one.
"""

from __future__ import annotations

from dataclasses import replace

from .broker import Wrapping
from .folder import TLS_CONTEXT, Folder, FolderInUse, keys_held, open_folder, read
from .master_key.by_file import write_private
from .settings import NAME, Settings, TlsSettings, render_settings
from .tls import new_tls_key, parse_tls_key, pin_of_key, render_tls_key


def renew_tls(folder: Folder, master: Wrapping) -> Settings:
    """The settings, by which the next start shows the key that was the next one.

    Raises:
        FolderInUse: another command holds the folder's keys.
        WrappedRefused, MasterKeyUnknown: the next key does not open.
        Misconfigured, Denied, Unavailable: a file, or Cloud KMS.
    """
    with keys_held(folder):
        if open_folder(folder.path).settings != folder.settings:
            raise FolderInUse(
                "another command has replaced a key of this folder meanwhile",
                hint="look at `symbolon broker status`; run this one again where one more is meant",
            )
        return _renewed(folder, master)


def _renewed(folder: Folder, master: Wrapping) -> Settings:
    old = folder.settings.tls
    parse_tls_key(master.unwrap(read(folder, old.next_file), TLS_CONTEXT))  # before anything depends on it
    key = new_tls_key()
    pin = pin_of_key(key)
    name = f"tls-{pin.removeprefix('sha256:')[:12]}.key"
    write_private(folder.path / name, master.wrap(render_tls_key(key), TLS_CONTEXT))
    tls = TlsSettings(pin=old.next_pin, next_pin=pin, file=old.next_file, next_file=name)
    settings = replace(folder.settings, tls=tls)
    write_private(folder.path / NAME, render_settings(settings).encode())
    (folder.path / old.file).unlink(missing_ok=True)
    return settings
