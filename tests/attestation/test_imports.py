"""The words that both sides share load fast: only verification loads cryptography."""

from __future__ import annotations

import subprocess
import sys


def test_all_but_verification_loads_without_cryptography() -> None:
    program = (
        "import sys, attestation.claims, attestation.digests, attestation.errors, attestation.rejections\n"
        "import attestation.strict_json, attestation.tokens\n"
        "print(*sorted({name.partition('.')[0] for name in sys.modules}))"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert not {"cryptography", "jwt", "requests", "google"} & set(run.stdout.split())
