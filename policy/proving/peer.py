"""Google's own runtime for CEL, asked of the same token: a second reader of a policy.

`cel-expr-python` is Google's C++ runtime with Python bindings. It shares nothing with this project's
evaluator but the language. Not known to it are the functions that IAM adds (`extract`): a policy that
calls one has no peer. Its Python bindings cut a string at a NUL: no token with one is given to it.

Source: cel-expr/cel-python (PyPI `cel-expr-python`); IAM, "Attribute mapping".
"""

from __future__ import annotations

from collections.abc import Mapping
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

    def admits(self, *roots: Mapping[str, object]) -> tuple[bool, ...]:
        """Which of the active providers admit the token; `roots` are as for `sees`."""
        return tuple(seen is not None for seen in self._where_admitted(*roots))

    def admitted(self, *roots: Mapping[str, object]) -> list[Any]:
        """What each of the active providers that admit the token sees of it, for `is_true`."""
        return [seen for seen in self._where_admitted(*roots) if seen is not None]

    def _where_admitted(self, *roots: Mapping[str, object]) -> list[Any]:
        """What each active provider sees of the token, None where it does not admit it."""
        each_sees = zip(self._providers, self.sees(*roots), strict=True)
        return [
            seen if seen is not None and self.is_true(condition, seen) else None
            for (_, condition, _), seen in each_sees
        ]

    def sees(
        self,
        assertion: Mapping[str, object],
        google: Mapping[str, object] | None = None,
        attribute: Mapping[str, object] | None = None,
    ) -> list[Any]:
        """What each active provider sees of the token, for `is_true`; None where its mapping gives nothing.

        `google` and `attribute` are for where nothing maps them.
        """
        given = {"assertion": assertion}
        if not self._mapped:
            seen = self._seen(given | {"google": google or {}, "attribute": attribute or {}})
            return [seen for _ in self._providers]
        token = self._seen(given)
        return [self._maps(provider, mapping, given, token) for provider, _, mapping in self._providers]

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

    def _maps(
        self,
        provider: Provider,
        mapping: Mapping[str, Any],
        given: dict[str, Mapping[str, object]],
        token: Any,
    ) -> Any:
        try:
            values = {key: self._value(each, token) for key, each in mapping.items()}
            mapped = provider.mapping.gathered(values)
        except MappingRejected:
            return None
        if mapped.unknown:  # it knows CEL, and not what STS makes of a value
            return None
        return self._seen(given | {"google": mapped.google, "attribute": mapped.attribute})

    def _seen(self, roots: Mapping[str, Mapping[str, object]]) -> Any:
        """A token made ready for many expressions: that takes longer than one of them."""
        return self._environment.Activation(roots)

    def _mapping(self, provider: Provider) -> Mapping[str, Any]:
        if not self._mapped:  # what a provider of its own would be mapped by is not looked at
            return {}
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
