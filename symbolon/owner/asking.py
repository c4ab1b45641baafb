"""What no file can know, asked on a terminal or taken from flags; what is missing is said all at once."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from typing import TypeVar

from attestation.errors import Misconfigured, quoted

Value = TypeVar("Value")


class Asker:
    """Asks a person where there is one; `is_person` is whether standard input and error are a terminal."""

    def __init__(self, *, is_person: bool | None = None) -> None:
        self.is_person = sys.stdin.isatty() and sys.stderr.isatty() if is_person is None else is_person
        self._missing: list[str] = []

    def take(
        self,
        said: Value | None,
        *,
        question: str,
        flag: str,
        parse: Callable[[str], Value],
        default: Value | None = None,
    ) -> Value | None:
        """What was said by the flag; else the person's answer, else the default, else it is missing.

        `parse` raises ValueError, with words that say what would do.

        Raises:
            Misconfigured: what was said will not do, or the person has left.
        """
        if said is not None:
            try:
                return parse(str(said))
            except ValueError as error:
                raise Misconfigured(
                    f"{quoted(str(said))} will not do: {error}", hint=f"say it: {flag}"
                ) from None
        if not self.is_person:
            if default is None:
                self._missing.append(flag)
            return default
        shown = "" if default is None else f" [{default}]"
        while True:
            sys.stderr.write(f"{question}{shown}: ")
            sys.stderr.flush()
            line = sys.stdin.readline()
            if not line:
                sys.stderr.write("\n")
                raise Misconfigured(
                    "the answer did not come: standard input has ended", hint=f"say it: {flag}"
                )
            answer = line.strip()
            if not answer and default is not None:
                return default
            try:
                return parse(answer)
            except ValueError as error:
                sys.stderr.write(f"  {quoted(answer)} will not do: {error}\n")

    def finish(self) -> None:
        """Nothing is missing.

        Raises:
            Misconfigured: something is; every flag is named.
        """
        if self._missing:
            raise Misconfigured(
                "what no file can know is not said", hint=f"say it: {', '.join(self._missing)}"
            )


def one_of(*words: str) -> Callable[[str], str]:
    """What reads one of the words, and no other."""

    def parse(text: str) -> str:
        if text not in words:
            raise ValueError(f"one of {', '.join(words)}")
        return text

    return parse


def whole(low: int, high: int) -> Callable[[str], int]:
    """What reads a whole number within the bounds, both included."""

    def parse(text: str) -> int:
        if not re.fullmatch("[0-9]{1,12}", text) or not low <= int(text) <= high:
            raise ValueError(f"a whole number from {low} to {high}")
        return int(text)

    return parse


def matching(pattern: str, expected: str) -> Callable[[str], str]:
    """What reads text that the pattern matches whole; `expected` says what that is."""

    def parse(text: str) -> str:
        if not re.fullmatch(pattern, text):
            raise ValueError(expected)
        return text

    return parse
