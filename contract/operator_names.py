"""The variables by which an operator asks for something: no other is allowed, and none of them is a secret.

The image's label `allow_env_override` lists them, so its digest fixes them; `contract.request` says what each
means. They stand here alone because the workload narrows its environment to them before it imports anything
that might read it.
"""

from __future__ import annotations

OPERATOR_NAMES = ("INPUT_URI", "RESULT_URI", "TOP_K", "BATCH_SIZE", "LICENCE")
"""As the label has them, in its order."""
