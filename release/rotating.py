"""Another master key, while brokers serve: made, approved by the owner, used, and the old one forgotten.

1. A new key is in the file, and wraps nothing. The owner's order `master-key` names it.
2. Once the order stands, the new key wraps: each row and each file is unwrapped and wrapped again. A row that
   changed meanwhile is looked at again. Brokers that serve read the file when it changes.
3. When nothing names an older key, the file forgets it. Where other brokers may have copies of the file, that
   is a step of its own: until each has the new one, some may still wrap by the old key.

Each step can be cut off and begun again. Where the key is in Cloud KMS, Google rotates its versions by itself
under the one name that was approved, and all that is left to do is to wrap again.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Engine, select, update

from attestation.errors import Unavailable

from .broker import Wrapping, model_context
from .folder import IDENTITY_CONTEXT, INTAKE_CONTEXT, TLS_CONTEXT, Folder, keys_held, read
from .master_key.by_file import FileWrapping, write_private
from .master_key.wrapping import key_id_of
from .orders.standing import wait_for_orders
from .store.engine import reading, writing
from .store.schema import models

_MOST_LOOKS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Rotated:
    """What was done. `waits_for` is the key that an order has to name before it wraps.

    Where it waits for none and `is_done` is not true, other brokers are to have the folder's keys as they are
    now.
    """

    current: str
    waits_for: str | None = None
    wrapped_again: int = 0
    is_done: bool = False


def rotate(
    folder: Folder, engine: Engine, master: Wrapping, *, approved: str | None, has_copies: bool
) -> Rotated:
    """The next step is done. `approved` is the master key that the owner's order names, where there is one.

    `has_copies`: other brokers of this database may serve, each from a copy of the folder.

    Raises:
        FolderInUse: another command holds the folder's keys.
        WrappedRefused, MasterKeyUnknown: the master key does not open what it should.
        Misconfigured, Denied, Unavailable: as the master key, the folder and the database.
    """
    with keys_held(folder):
        return _next_step(folder, engine, master, approved=approved, has_copies=has_copies)


def _next_step(
    folder: Folder, engine: Engine, master: Wrapping, *, approved: str | None, has_copies: bool
) -> Rotated:
    if not isinstance(master, FileWrapping):
        return Rotated(current="", wrapped_again=wrap_again(folder, engine, master), is_done=True)
    takes_turn = master.next is not None and master.next == approved
    if takes_turn:
        master.take_turn()
    if takes_turn or (master.next is None and master.current == approved and master.has_others):
        if takes_turn and has_copies:
            return Rotated(current=master.current, wrapped_again=wrap_again(folder, engine, master))
        again = _wrap_again_and_forget(folder, engine, master)
        return Rotated(current=master.current, wrapped_again=again, is_done=True)
    return Rotated(current=master.current, waits_for=master.next or master.add_next())


def _wrap_again_and_forget(folder: Folder, engine: Engine, master: FileWrapping) -> int:
    """Everything is wrapped by the current key, and the file has no other; how many were not before.

    The last look is in the turn of the orders: a model's key that was wrapped by the old one and not yet kept
    would else be one that nothing opens.
    """
    done = 0
    for _ in range(_MOST_LOOKS):
        done += wrap_again(folder, engine, master)
        with writing(engine) as connection:
            wait_for_orders(connection)
            if all(map(master.is_current, connection.execute(select(models.c.wrapped)).scalars())):
                master.forget_others()
                return done
    raise Unavailable("keys are handed over while the old master key is looked for", hint="run it again")


def wrap_again(folder: Folder, engine: Engine, master: Wrapping) -> int:
    """Every wrapped value names the key that wraps now; how many did not before.

    In Cloud KMS only wrapping tells which version that is, so each is wrapped again.

    Raises: as `rotate`.
    """
    current = master.current if isinstance(master, FileWrapping) else None
    done = 0
    for name, context in _files(folder):
        wrapped = read(folder, name)
        if key_id_of(wrapped) != current:
            write_private(folder.path / name, master.wrap(master.unwrap(wrapped, context), context))
            done += 1
    for _ in range(_MOST_LOOKS):
        with reading(engine) as connection:
            rows = connection.execute(select(models.c.manifest, models.c.wrapped)).all()
        left = [(manifest, old) for manifest, old in rows if key_id_of(old) != current]
        for manifest, old in left:
            context = model_context(manifest)
            new = master.wrap(master.unwrap(old, context), context)
            with writing(engine) as connection:
                changed = connection.execute(
                    update(models)
                    .where(models.c.manifest == manifest, models.c.wrapped == old)
                    .values(wrapped=new)
                )
            done += changed.rowcount
        if not left or current is None:
            break
    return done


def _files(folder: Folder) -> tuple[tuple[str, bytes], ...]:
    settings = folder.settings
    return (
        (settings.keys.identity, IDENTITY_CONTEXT),
        (settings.keys.intake, INTAKE_CONTEXT),
        (settings.tls.file, TLS_CONTEXT),
        (settings.tls.next_file, TLS_CONTEXT),
    )
