"""The key that the broker's keys are wrapped by: in a file that a passphrase opens, or in Cloud KMS.

It is never in the database. Each wrapped value names the key that wrapped it, so an old and a new one stand
beside one another while rows are wrapped again.
"""

from __future__ import annotations

from .wrapping import MasterKeyUnknown as MasterKeyUnknown
from .wrapping import WrappedRefused as WrappedRefused
from .wrapping import Wrapping as Wrapping
from .wrapping import key_id_of as key_id_of
