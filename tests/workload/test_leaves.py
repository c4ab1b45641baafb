"""Whatever the order in which parts become known, the roots are those of the listing's order."""

from __future__ import annotations

import tempfile
from itertools import permutations
from typing import IO

import pytest

from attestation.digests import digest_of
from attestation.errors import Misconfigured
from contract.merkle import root_of
from contract.parts import parse_part, render_leaf, render_part
from contract.receipt import row_leaf
from tests.receipts import results_of
from workload.leaves import Leaves

RESULTS = results_of(70)  # parts of 32, 32 and 6 rows
PARTS = [parse_part(data, where=name) for name, data in sorted(RESULTS.items()) if name.startswith("result-")]


@pytest.mark.parametrize("order", list(permutations(range(3))), ids=str)
def test_the_order_of_parts_is_that_of_the_listing(order: tuple[int, ...]) -> None:
    with Leaves() as leaves:
        for index in order:
            leaves.add(PARTS[index])
        rows, inputs = leaves.roots()
        assert (rows.root, rows.size) == (root_of(row_leaf(row) for part in PARTS for row in part.rows), 70)
        assert inputs.root == root_of(render_leaf(leaf) for part in PARTS for leaf in part.inputs)
        assert [(each.name, each.digest) for each in leaves.subjects()] == [
            (f"result-0000{index}.jsonl", digest_of(render_part(part))) for index, part in enumerate(PARTS)
        ]
        assert leaves.roots() == (rows, inputs), "asking twice gives the same"


def test_leaves_that_scratch_space_does_not_hold_are_misconfigured(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(**_: object) -> IO[bytes]:
        return open("/dev/full", "w+b")

    monkeypatch.setattr(tempfile, "TemporaryFile", full)
    refused = pytest.raises(Misconfigured, match="the receipt does not fit into the machine's scratch memory")
    with refused, Leaves() as leaves:
        leaves.add(PARTS[0])
