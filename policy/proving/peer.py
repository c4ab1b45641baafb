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
_MOST_CHARACTERS: Final = 1 << 20


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
    variables = dict.fromkeys(("assertion", "google", "attribute"), cel.Type.DYN)
    return cel, cel.NewEnv(variables=variables, extensions=[ext_strings.ExtStrings()])


class Peer:
    """What Google's runtime says of tokens, for one set of policies.

    Raises:
        NoPeer: the library is not installed, or does not know what the policies say.
    """

    def __init__(self, policies: PolicySet) -> None:
        self._cel, self._environment = _runtime()
        self._mapped = policies.kind != "condition"
        self._providers = [
            (each, self._compiled(each.condition or "true"), self._mapping(each)) for each in policies.active
        ]

    def admits(
        self,
        assertion: Mapping[str, object],
        google: Mapping[str, object] | None = None,
        attribute: Mapping[str, object] | None = None,
    ) -> tuple[bool, ...]:
        """Which of the active providers admit the token; `google` and `attribute` where nothing maps it."""
        return tuple(
            self._admitted(provider, condition, mapping, assertion, google or {}, attribute or {})
            for provider, condition, mapping in self._providers
        )

    def _admitted(
        self,
        provider: Provider,
        condition: Any,
        mapping: Mapping[str, Any],
        assertion: Mapping[str, object],
        google: Mapping[str, object],
        attribute: Mapping[str, object],
    ) -> bool:
        if self._mapped:
            values = {key: self._value(each, {"assertion": assertion}) for key, each in mapping.items()}
            try:
                mapped = provider.mapping.gathered(values)
            except MappingRejected:
                return False
            if mapped.unknown:  # it knows CEL, and not what STS makes of a value
                return False
            google, attribute = mapped.google, mapped.attribute
        data = {"assertion": assertion, "google": google, "attribute": attribute}
        return self._value(condition, data) is True

    def _mapping(self, provider: Provider) -> Mapping[str, Any]:
        if not self._mapped:
            return {}
        return {key: self._compiled(text) for key, text in provider.mapping.expressions.items()}

    def _compiled(self, text: str) -> Any:
        for node, _ in syntax.walk(parse(text, most_characters=_MOST_CHARACTERS)):
            if isinstance(node, syntax.Call) and node.function in _IAMS_OWN:
                raise NoPeer(f"Google's runtime alone does not know `{node.function}`, which IAM adds")
            if isinstance(node, syntax.Literal) and "\x00" in str(node.value):
                raise NoPeer("its bindings cut a string at a NUL")
        try:
            return self._environment.compile(text, disable_check=True)
        except RuntimeError:  # it evaluates constant parts already here, and says no more than this
            raise NoPeer("Google's runtime does not compile a constant part of it") from None

    def _value(self, expression: Any, data: Mapping[str, object]) -> object:
        try:
            # `eval(data=data)` says the same, and takes three times as long
            value = expression.eval(activation=self._environment.Activation(data))
        except RuntimeError as failed:  # how the bindings say that a map repeats a key
            return ErrorValue(str(failed), syntax.NOWHERE)
        if value.type() == self._cel.Type.ERROR:
            return ErrorValue(str(value), syntax.NOWHERE)
        if value.type() == self._cel.Type.NULL:  # its `value()` takes a count of None that is not its own
            return None
        return value.value()
