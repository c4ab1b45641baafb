"""Google's own runtime for CEL, asked of the same token: a second reader of a policy.

`cel-expr-python` is Google's C++ runtime with Python bindings. It shares nothing with this project's
evaluator but the language. Not known to it are the functions that IAM adds (`extract`): a policy that
calls one has no peer. Its Python bindings cut a string at a NUL: no token with one is given to it.

Source: cel-expr/cel-python (PyPI `cel-expr-python`); IAM, "Attribute mapping".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, Final

from ..cel import syntax
from ..cel.parser import parse
from ..cel.values import ErrorValue
from ..mapping import MappingRejected
from ..policy_set import PolicySet
from ..provider import Provider

_IAMS_OWN: Final = frozenset(("extract",))
_MOST_CHARACTERS: Final = 100_000
"""The limit of Google's runtime, in code points; it nests no deeper than 32."""


class NoPeer(Exception):
    """There is no second reader: the message says why, in one line."""


@cache
def _runtime() -> tuple[Any, Any]:
    """Google's library, and an environment that every policy shares: to make one takes milliseconds."""
    try:
        from cel_expr_python import cel
        from cel_expr_python.ext import ext_strings
    except ImportError:
        raise NoPeer("cel-expr-python is not installed") from None
    return cel, cel.NewEnv(extensions=[ext_strings.ExtStrings()])


class Peer:
    """What Google's runtime says of tokens, for one set of policies.

    Raises:
        NoPeer: the library is not installed, or does not know what the policies say.
    """

    def __init__(self, policies: PolicySet) -> None:
        self._cel, self._environment = _runtime()
        self._boolean = self._cel.Type.BOOL
        self._mapped = policies.kind != "condition"
        self._providers = [
            (each, self.compiled(each.condition or "true"), self._mapping(each)) for each in policies.active
        ]

    def admits(
        self,
        assertion: Mapping[str, object],
        google: Mapping[str, object] | None = None,
        attribute: Mapping[str, object] | None = None,
    ) -> tuple[bool, ...]:
        """Which of the active providers admit the token; `google` and `attribute` where nothing maps it."""
        return tuple(
            seen is not None and self.is_true(condition, seen)
            for condition, seen in self._each_sees(assertion, google, attribute)
        )

    def sees(
        self,
        assertion: Mapping[str, object],
        google: Mapping[str, object] | None = None,
        attribute: Mapping[str, object] | None = None,
    ) -> list[Any]:
        """What each of the active providers sees of a token, for `is_true`, where its mapping allows it."""
        return [seen for _, seen in self._each_sees(assertion, google, attribute) if seen is not None]

    def admitted(
        self,
        assertion: Mapping[str, object],
        google: Mapping[str, object] | None = None,
        attribute: Mapping[str, object] | None = None,
    ) -> list[Any]:
        """What each of the active providers that admit the token sees of it, for `is_true`."""
        return [
            seen
            for condition, seen in self._each_sees(assertion, google, attribute)
            if seen is not None and self.is_true(condition, seen)
        ]

    def compiled(self, text: str) -> Any:
        """An expression, for `is_true`.

        Raises:
            NoPeer: Google's runtime does not know what it says.
        """
        if len(text) > _MOST_CHARACTERS:
            raise NoPeer(f"Google's runtime reads no more than {_MOST_CHARACTERS:,} characters")
        for node, _ in syntax.walk(parse(text, most_characters=_MOST_CHARACTERS)):
            if isinstance(node, syntax.Call) and node.function in _IAMS_OWN:
                raise NoPeer(f"Google's runtime alone does not know `{node.function}`, which IAM adds")
            if isinstance(node, syntax.Literal) and "\x00" in str(node.value):
                raise NoPeer("its bindings cut a string at a NUL")
        try:
            return self._environment.compile(text, disable_check=True)
        except RuntimeError:
            raise NoPeer("Google's runtime does not compile it, as where it is nested deeply") from None

    def is_true(self, expression: Any, seen: Any) -> bool:
        """Whether an expression that was compiled is true of what a provider sees."""
        try:
            value = expression.eval(activation=seen)
        except RuntimeError:  # how the bindings say that a map repeats a key
            return False
        return value.type() == self._boolean and value.value() is True

    def _each_sees(
        self,
        assertion: Mapping[str, object],
        google: Mapping[str, object] | None,
        attribute: Mapping[str, object] | None,
    ) -> Iterator[tuple[Any, Any]]:
        """The condition of each active provider, and what it sees: None where the mapping gives nothing."""
        given = {"assertion": assertion}
        if not self._mapped:
            given |= {"google": google or {}, "attribute": attribute or {}}
        unmapped = self._seen(given)
        for provider, condition, mapping in self._providers:
            if not self._mapped:
                yield condition, unmapped
                continue
            try:
                values = {key: self._value(each, unmapped) for key, each in mapping.items()}
                mapped = provider.mapping.gathered(values)
            except MappingRejected:
                yield condition, None
                continue
            if mapped.unknown:  # it knows CEL, and not what STS makes of a value
                yield condition, None
                continue
            yield condition, self._seen(given | {"google": mapped.google, "attribute": mapped.attribute})

    def _seen(self, roots: Mapping[str, Mapping[str, object]]) -> Any:
        """A token made ready for many expressions: that takes longer than one of them."""
        return self._environment.Activation(roots)

    def _mapping(self, provider: Provider) -> Mapping[str, Any]:
        return {key: self.compiled(text) for key, text in provider.mapping.expressions.items()}

    def _value(self, expression: Any, seen: Any) -> object:
        try:
            value = expression.eval(activation=seen)
        except RuntimeError as failed:
            return ErrorValue(str(failed), syntax.NOWHERE)
        if value.type() == self._cel.Type.ERROR:
            return ErrorValue(str(value), syntax.NOWHERE)
        if value.type() == self._cel.Type.NULL:  # its `value()` takes a count of None that is not its own
            return None
        return value.value()
