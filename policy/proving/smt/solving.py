"""One question to the solver: a model, or the assumptions from which it follows that there is none.

Source: SMT-LIB standard 2.6, "check-sat-assuming", "get-unsat-core", "get-value".
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from .circuit import FALSE, TRUE, Circuit, symbol_of
from .solver import Solver, SolverGaveUp

_MOST_ROUNDS: Final = 60
_MINIMISING_S: Final = 0.3
_TOKEN = re.compile(r'"(?:[^"]|"")*"|[()]|[^\s()"]+')
_ASSUMED = re.compile(r"[aw]\d+")
_ESCAPE = re.compile(r"\\u\{([0-9a-fA-F]+)\}|\\u([0-9a-fA-F]{4})")


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """Is there a token for which `goal` and all of `always` hold, and every assumption, by label?"""

    circuit: Circuit
    goal: int
    always: Sequence[int]
    assumptions: Mapping[str, int]

    def roots(self) -> list[int]:
        return [self.goal, *self.always, *self.assumptions.values()]

    def script(self, *, without: frozenset[str] = frozenset()) -> str:
        """The problem as one SMT-LIB file, whose answer `unsat` says that there is none.

        The assumptions `without` are left out.
        """
        lines = ["(set-logic ALL)", *self.circuit.render(self.roots())]
        lines += [f"(assert {symbol_of(each)})" for each in (*self.always, self.goal)]
        for label, literal in self.assumptions.items():
            if label in without:
                continue
            shown = "".join(each if 32 <= ord(each) < 127 else "?" for each in label)
            lines += [f"; assumed: {shown}", f"(assert {symbol_of(literal)})"]
        return "\n".join([*lines, "(check-sat)", ""])


class Disagreement(AssertionError):
    """INVARIANT broken: the evaluator, or the issuer, denies what the formula says of a token."""


class Impossible(frozenset[str]):
    """There is no token; the labels are assumptions that this needs."""


class Model:
    """What the solver chose for the variables that matter."""

    def __init__(self, circuit: Circuit, booleans: dict[int, bool], terms: dict[str, str]) -> None:
        self._circuit = circuit
        self._known = {1: True, **booleans}
        self._terms = terms

    def knows(self, literal: int) -> bool:
        return self._evaluated(abs(literal)) is not None

    def holds(self, literal: int, *, default: bool) -> bool:
        """Whether the literal is true; `default` where nothing depends on it."""
        value = self._evaluated(abs(literal))
        return default if value is None else value if literal > 0 else not value

    def _evaluated(self, node: int) -> bool | None:
        waiting = [node]
        seen: dict[int, bool | None] = {}
        while waiting:
            each = waiting[-1]
            if each in self._known or each in seen:
                waiting.pop()
                continue
            operands = self._circuit.operands(each)
            missing = [abs(o) for o in operands if abs(o) not in self._known and abs(o) not in seen]
            if missing:
                waiting += missing
                continue
            waiting.pop()
            values = [self._known.get(abs(o), seen.get(abs(o))) for o in operands]
            signed = [v if v is None or o > 0 else not v for v, o in zip(values, operands, strict=True)]
            if not operands or (None in signed and False not in signed):
                seen[each] = None
            else:
                self._known[each] = False not in signed
        return self._known.get(node)

    def string(self, term: str) -> str:
        return _unescaped(self._terms.get(term, '""'))

    def integer(self, term: str) -> int:
        return int(self._terms.get(term, "0").replace("(- ", "-").rstrip(")"))


def _unescaped(text: str) -> str:
    inner = text[1:-1].replace('""', '"')
    return _ESCAPE.sub(lambda match: chr(int(match.group(1) or match.group(2), 16)), inner)


class Dialogue:
    """A problem, told to the solver once, and asked about under one wish after another."""

    def __init__(self, solver: Solver, problem: Problem, *, until: float) -> None:
        self._solver = solver
        self._problem = problem
        self._until = until
        self._done: set[int] = set()
        self._labels = {f"a{i}": label for i, label in enumerate(problem.assumptions)}
        self._wishes = 0
        self._told: list[str] = []
        self.needed: set[str] = set()
        """The assumptions that any answer "there is none" has needed."""

    @property
    def circuit(self) -> Circuit:
        return self._problem.circuit

    @property
    def _is_settled(self) -> bool:
        """Whether there is no token whatever is assumed, so that the solver was never told the problem."""
        return self._problem.goal == FALSE or FALSE in self._problem.always

    def solve(self, *, spare: frozenset[str] = frozenset()) -> Model | Impossible:
        """Assumptions that are `spare` are named last: only where there is a token without them.

        Raises:
            SolverGaveUp, SolverMissing
        """
        problem = self._problem
        if self._is_settled:
            return Impossible()
        commands = ["(reset)", "(set-option :produce-unsat-cores true)"]
        commands += problem.circuit.render(problem.roots(), self._done)
        commands += [
            f"(assert {symbol_of(each)})" for each in (*problem.always, problem.goal) if each != TRUE
        ]
        for name, label in self._labels.items():
            commands += _assumption(name, problem.assumptions[label])
        said = self._check(commands, [])
        if said == "unsat":
            self.needed |= {self._labels[name] for name in self._minimal(self._core(), spare)}
            return Impossible(self.needed)
        return self._model()

    def refuse(self, labels: frozenset[str], *, spare: frozenset[str] = frozenset()) -> Model | Impossible:
        """From now on these are not assumed: a model now, or the assumptions that are needed instead."""
        if self._is_settled:
            return Impossible()
        self._labels = {name: label for name, label in self._labels.items() if label not in labels}
        self.needed.clear()
        if self._check([], []) == "unsat":
            self.needed |= {self._labels[name] for name in self._minimal(self._core(), spare)}
            return Impossible(self.needed)
        return self._model()

    def nearer(self, wishes: Iterable[int], model: Model) -> Model:
        """A model that fulfils as many of `wishes` as it can, earlier ones rather; `model` is any model."""
        wanted = {}
        commands = []
        for wish in dict.fromkeys(wishes):
            if wish not in (TRUE, FALSE):
                name = f"w{self._wishes}"
                self._wishes += 1
                commands += self._problem.circuit.render([wish], self._done) + _assumption(name, wish)
                wanted[name] = wish
        for _ in range(_MOST_ROUNDS):
            if not wanted:
                return model
            if self._check(commands, list(wanted)) == "sat":
                return self._model()
            commands = []
            core = self._core()
            against = [name for name in wanted if name in core]
            if not against:
                return model
            del wanted[against[-1]]
        return model

    def possible(self, literal: int) -> Model | None:
        """A model in which `literal` holds too, or None where there is none."""
        if literal == FALSE:
            return None
        name = f"w{self._wishes}"
        self._wishes += 1
        commands = self._problem.circuit.render([literal], self._done) + _assumption(name, literal)
        if self._check(commands, [name]) == "sat":
            return self._model()
        self.needed |= {self._labels[each] for each in self._core() if each in self._labels}
        return None

    def _check(self, commands: list[str], wishes: list[str]) -> str:
        check = f"(check-sat-assuming ({' '.join([*self._labels, *wishes])}))"
        said = self._solver.ask([*self._untold(commands), check], until=self._until)
        if said in (["sat"], ["unsat"]):
            return said[0]
        if said == ["unknown"]:
            raise SolverGaveUp("the solver could not decide it")
        raise SolverGaveUp("the solver did not understand the question")

    def _untold(self, commands: list[str]) -> list[str]:
        """What the solver does not know: all, where its process was killed or told another problem since."""
        self._told += commands
        self._solver.start()
        if self._solver.told_by is self:
            return commands
        self._solver.told_by = self
        return self._told

    def _minimal(self, core: set[str], spare: frozenset[str]) -> set[str]:
        """Assumptions of which none can be left out, where time allows; the last ones are tried first.

        Before all, whether every one that is `spare` can be.
        """
        needed = core
        kept = {name for name in core if self._labels[name] not in spare}
        if len(kept) < len(core):
            said = self._solver.ask([f"(check-sat-assuming ({' '.join(sorted(kept))}))"], until=self._until)
            needed = self._core() if said == ["unsat"] else needed
        until = min(self._until, time.monotonic() + _MINIMISING_S)
        for name in sorted(needed, key=lambda each: int(each[1:]), reverse=True):
            if name in needed:
                check = f"(check-sat-assuming ({' '.join(sorted(needed - {name}))}))"
                try:
                    said = self._solver.ask([check], until=until)
                    needed = self._core() if said == ["unsat"] else needed
                except SolverGaveUp:
                    break  # what is left is needed at most
        return needed

    def _core(self) -> set[str]:
        said = self._solver.ask(["(get-unsat-core)"], until=self._until)
        core = set(_TOKEN.findall(" ".join(said))) - {"(", ")"}
        if not all(_ASSUMED.fullmatch(name) for name in core):
            raise SolverGaveUp("the solver's answer cannot be read")
        return core

    def _model(self) -> Model:
        circuit = self._problem.circuit
        nodes = sorted(circuit.inputs_of([node for node in self._done if node > 1]))
        terms = [term for term in circuit.terms.values() if -int(term[1:]) - 1 in self._done]
        names = [*(f"b{node}" for node in nodes), *terms]
        if not names:
            return Model(circuit, {}, {})
        said = self._solver.ask([f"(get-value ({' '.join(names)}))"], until=self._until)
        values = _pairs(" ".join(said))
        if set(values) != set(names):
            raise SolverGaveUp("the solver's answer cannot be read")
        booleans = {node: values[f"b{node}"] == "true" for node in nodes}
        return Model(circuit, booleans, {term: values[term] for term in terms})


def _assumption(name: str, literal: int) -> list[str]:
    return [f"(declare-const {name} Bool)", f"(assert (=> {name} {symbol_of(literal)}))"]


def _pairs(text: str) -> dict[str, str]:
    """Names with the text of their values.

    >>> _pairs("((x true) (y (- 3)))")
    {'x': 'true', 'y': '(- 3)'}
    """
    found: dict[str, str] = {}
    depth = 0
    words: list[str] = []
    for part in _TOKEN.findall(text):
        depth += {"(": 1, ")": -1}.get(part, 0)
        if part == "(" and depth == 2:
            words = []
        elif part == ")" and depth == 1:
            found[words[0]] = " ".join(words[1:]).replace("( ", "(").replace(" )", ")")
        else:
            words.append(part)
    return found
