"""cvc5, asked the same question as the prover: it may not know, and must never say the opposite."""

from __future__ import annotations

import os
import time
from collections import Counter
from typing import Final

import cvc5

from policy.proving.smt.circuit import TooLarge
from policy.proving.smt.questions import Question, read
from policy.proving.smt.values import Unsupported

EVERY: Final = int(os.environ.get("SYMBOLON_CVC5", "20"))
"""Of so many proofs one is asked; SYMBOLON_CVC5=1 asks all, which takes many minutes."""
_LIMIT_MS: Final = 2_000

SAID: Final[Counter[str]] = Counter()


def says(question: Question, *, documented: bool) -> str:
    """`unsat`, which agrees with a proof, `sat`, which does not, or `unknown`; each is counted."""
    try:
        reading = read(question, until=time.monotonic() + 10)
    except (Unsupported, TooLarge):
        return "unknown"
    script = reading.problem.script(without=frozenset() if documented else reading.vocabulary)
    solver = cvc5.Solver()
    solver.setOption("tlimit-per", str(_LIMIT_MS))
    parser = cvc5.InputParser(solver)
    parser.setStringInput(cvc5.InputLanguage.SMT_LIB_2_6, script, "question.smt2")
    said = ""
    while not (command := parser.nextCommand()).isNull():
        said = str(command.invoke(solver, parser.getSymbolManager())).strip() or said
    answer = said if said in ("sat", "unsat") else "unknown"
    SAID[answer] += 1
    return answer
