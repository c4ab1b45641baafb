"""What the room promises to those who only import it."""

from __future__ import annotations

import subprocess
import sys

import pytest

# Whoever decides needs no words, no vocabulary, no regular expressions; nobody needs the heavy ones.
UNNEEDED = {
    "policy.explaining": {
        "policy.schema",
        "policy.reasons",
        "policy.cel.check",
        "policy.cel.patterns",
        "difflib",
        "unicodedata",
    },
    "policy.proving.prover": {"policy.policy_file", "policy.reasons", "tomllib", "hashlib", "shutil"},
    "policy.policy_file": {"policy.reasons", "policy.cel.patterns"},
}
HEAVY = {"z3", "cryptography", "google", "requests", "tensorflow", "starlette", "rich"}


@pytest.mark.parametrize("module", UNNEEDED)
def test_importing_pulls_in_nothing_that_is_not_needed(module: str) -> None:
    code = f"import sys, {module}; print(*sys.modules)"
    answer = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert set(answer.stdout.split()) & (UNNEEDED[module] | HEAVY) == set()
