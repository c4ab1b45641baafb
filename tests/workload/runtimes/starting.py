"""A process that loads a model by the terms, asks it from several threads at once, and ends.

    python -m tests.workload.runtimes.starting MODEL tensorflow|openvino fp32|bf16|int8

Another process for each start: what hangs, hangs while a library is loaded or while its threads end.
"""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from contract.request import agree, parse_request
from contract.terms import parse_terms
from tests.workload.samples import terms_text
from workload import runtimes

BATCHES = (1, 2, 3, 16, 2, 1)
"""How many pictures are asked at once: one, two, what no power of two is, and a usual batch."""


def main(model: str, runtime: str, precision: str) -> None:
    text = terms_text().replace('"tensorflow"', f'"{runtime}"').replace('"fp32"', f'"{precision}"')
    request = parse_request({"INPUT_URI": "gs://photos", "RESULT_URI": "gs://results", "TOP_K": "3"})
    classifier = runtimes.load(Path(model), agree(parse_terms(text), request)).classifier
    random = np.random.default_rng(0)
    pictures = [random.random((count, 8, 8, 3), np.float32) for count in BATCHES]
    with ThreadPoolExecutor(3) as pool:
        for fed, (indices, scores) in zip(pictures, pool.map(classifier, pictures), strict=True):
            assert indices.shape == scores.shape == (len(fed), 3)


if __name__ == "__main__":
    main(*sys.argv[1:])
