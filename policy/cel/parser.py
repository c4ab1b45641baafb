"""Text becomes a tree, within limits that no input can pass.

Source: google/cel-spec, doc/langdef.md, "Grammar" and "Macros"; the 4,096 characters of a condition
are those of the IAM API, WorkloadIdentityPoolProvider.attributeCondition.
"""

from __future__ import annotations

from typing import Final, Literal

from ..wording import quoted
from . import lexer, syntax
from .syntax import InvalidExpression, Node, Span

MAX_CONDITION_CHARACTERS: Final = 4096

_CONSTANTS: Final = {"true": True, "false": False, "null": None}
_RESERVED: Final = frozenset(
    [
        "as",
        "break",
        "const",
        "continue",
        "else",
        "for",
        "function",
        "if",
        "import",
        "let",
        "loop",
        "package",
        "namespace",
        "return",
        "var",
        "void",
        "while",
    ]
)
_MACROS: Final[dict[str, syntax.Macro]] = {
    "all": "all",
    "exists": "exists",
    "exists_one": "exists_one",
    "map": "map",
    "filter": "filter",
}


def parse(text: str, *, most_characters: int = MAX_CONDITION_CHARACTERS) -> Node:
    """The tree of `text`, no deeper than `MAX_NESTING`.

    Raises:
        InvalidExpression: not CEL, or too long, or too deep; its span says where.
    """
    if len(text) > most_characters:
        span = Span(most_characters, len(text))
        raise InvalidExpression(
            f"{len(text):,} characters, Google's limit is {most_characters:,}", text=text, span=span
        )
    tree = _Parser(text).whole()
    for node, depth in syntax.walk(tree):
        if depth >= syntax.MAX_NESTING:
            raise _too_deep(text, node.span)
    return tree


def _too_deep(text: str, span: Span) -> InvalidExpression:
    hint = "no condition that a person can review needs this"
    problem = f"nested more than {syntax.MAX_NESTING} deep"
    return InvalidExpression(problem, text=text, span=span, hint=hint)


class _Parser:
    """Recursive descent; `_depth` counts what Python's stack would, and stops long before it."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = lexer.tokenize(text)
        self._next = 0
        self._depth = 0

    def whole(self) -> Node:
        tree = self._expression()
        if self._token.kind != "end":
            raise self._expected("an operator or the end")
        return tree

    @property
    def _token(self) -> lexer.Token:
        return self._tokens[self._next]

    @property
    def _end(self) -> int:
        """The offset behind what was read last: parentheses belong to what they stand around."""
        return self._tokens[self._next - 1].span.end

    def _take(self) -> lexer.Token:
        token = self._token
        self._next += 1
        return token

    def _at(self, symbol: str) -> bool:
        return self._token.kind == "symbol" and self._token.text == symbol

    def _taken(self, symbol: str) -> bool:
        if not self._at(symbol):
            return False
        self._next += 1
        return True

    def _require(self, symbol: str) -> int:
        """The offset behind `symbol`, which stands here."""
        if not self._at(symbol):
            raise self._expected(f"`{symbol}`")
        return self._take().span.end

    def _expected(self, what: str) -> InvalidExpression:
        found = "the end" if self._token.kind == "end" else quoted(self._token.text)
        return self._invalid(f"expected {what}, found {found}", self._token.span, self._hint())

    def _hint(self) -> str:
        """What stands here is a word of another language, or stands behind one."""
        from .hints import of_word  # only who needs a hint waits for the vocabulary

        before = self._tokens[self._next - 1] if self._next else None
        if before is not None and before.text == "<" and self._at(">"):
            return "write `!=`"
        found = self._token.text if self._token.kind == "name" else ""
        return of_word(found, before.text if before is not None and before.kind == "name" else "")

    def _invalid(self, problem: str, span: Span, hint: str = "") -> InvalidExpression:
        return InvalidExpression(problem, text=self._text, span=span, hint=hint)

    def _expression(self) -> Node:
        start = self._token.span.start
        condition = self._operators(1)
        if not self._taken("?"):
            return condition
        accepted = self._operators(1)
        self._require(":")
        self._deeper()
        otherwise = self._expression()
        self._depth -= 1
        span = Span(start, self._end)
        return syntax.Conditional(span=span, condition=condition, accepted=accepted, otherwise=otherwise)

    def _deeper(self) -> None:
        self._depth += 1
        if self._depth > syntax.MAX_NESTING:
            raise _too_deep(self._text, self._token.span)

    def _operators(self, lowest: int) -> Node:
        """Operands joined by operators that bind at least as tightly as `lowest`."""
        self._deeper()
        start = self._token.span.start
        left = self._unary()
        while (operator := self._operator()) and (precedence := syntax.PRECEDENCE[operator]) >= lowest:
            self._take()
            right = self._operators(precedence + 1)
            left = self._joined(operator, start, left, right)
        self._depth -= 1
        return left

    def _operator(self) -> str | None:
        token = self._token
        is_operator = token.kind == "symbol" or (token.kind == "name" and token.text == "in")
        return token.text if is_operator and token.text in syntax.PRECEDENCE else None

    def _joined(self, operator: str, start: int, left: Node, right: Node) -> Node:
        if operator == "&&":
            return self._chained("&&", start, left, right)
        if operator == "||":
            return self._chained("||", start, left, right)
        return syntax.Binary(span=Span(start, self._end), operator=operator, left=left, right=right)

    def _chained(self, operator: Literal["&&", "||"], start: int, left: Node, right: Node) -> Node:
        operands: list[Node] = [left, right]
        while self._operator() == operator:  # the whole chain at once: one node for all its operands
            self._take()
            operands.append(self._operators(syntax.PRECEDENCE[operator] + 1))
        span = Span(start, self._end)
        return syntax.Logical(span=span, operator=operator, operands=tuple(operands))

    def _unary(self) -> Node:
        signs: list[int] = []
        sign = self._token.text if self._at("!") or self._at("-") else ""
        while sign and self._at(sign):
            signs.append(self._take().span.start)
        if len(signs) > syntax.MAX_NESTING:
            raise _too_deep(self._text, Span(signs[0], signs[-1] + 1))
        number = self._token
        if (
            sign == "-"
            and len(signs) == 1
            and number.kind == "number"
            and not number.text.endswith(("u", "U"))
        ):
            self._take()  # one sign alone is part of the number: `--9223372036854775808` is too large
            start = signs.pop()
            return self._members(self._number(number, negative_from=start), start)
        start = self._token.span.start
        operand = self._members(self._signed(), start)
        if len(signs) % 2 == 0:  # Google's parsers drop two signs: `!!"a"` and `--"a"` are "a"
            return operand
        span = Span(signs[0], self._end)
        return syntax.Unary(span=span, operator="!" if sign == "!" else "-", operand=operand)

    def _signed(self) -> Node:
        """What stands behind signs: behind a `!` it may be a number with a sign of its own."""
        following = self._tokens[self._next + 1] if self._at("-") else None
        if following is None or following.kind != "number" or following.text.endswith(("u", "U")):
            return self._primary()
        start = self._take().span.start
        return self._number(self._take(), negative_from=start)

    def _number(self, token: lexer.Token, negative_from: int | None = None) -> syntax.Literal:
        sign, start = ("", token.span.start) if negative_from is None else ("-", negative_from)
        span = Span(start, token.span.end)
        digits = token.text.lower()
        if digits.endswith("u"):
            unsigned = _natural(digits[:-1])
            if unsigned >= 2**64:
                raise self._invalid("not an unsigned 64-bit integer", span)
            return syntax.Literal(span=span, kind="uint", value=syntax.UInt(unsigned))
        if digits.startswith("0x") or digits.isdigit():
            number = -_natural(digits) if sign else _natural(digits)
            if not -(2**63) <= number < 2**63:
                raise self._invalid("not a signed 64-bit integer", span)
            return syntax.Literal(span=span, kind="int", value=number)
        return syntax.Literal(span=span, kind="double", value=float(sign + digits))

    def _primary(self) -> Node:
        token = self._token
        if token.kind == "end" or (token.kind == "symbol" and token.text not in (*"([{.",)):
            raise self._expected("an expression")
        self._take()
        if token.kind == "number":
            return self._number(token)
        if token.kind == "string" or token.kind == "bytes":
            return syntax.Literal(span=token.span, kind=token.kind, value=token.value)
        if token.kind == "quoted-name":
            raise self._invalid("a name in backticks stands only behind a dot", token.span)
        if token.kind == "name":
            return self._name(token)
        if token.text == "(":
            inner = self._expression()
            self._require(")")
            return inner
        if token.text == "[":
            return self._list(token.span.start)
        if token.text == "{":
            return self._map(token.span.start)
        if self._token.kind != "name":  # behind a leading dot, which names the outermost scope
            raise self._expected("a name")
        return self._name(self._take(), outermost=True)

    def _name(self, token: lexer.Token, outermost: bool = False) -> Node:
        if token.text in _CONSTANTS and not outermost:
            value = _CONSTANTS[token.text]
            kind: syntax.Kind = "null_type" if value is None else "bool"
            return syntax.Literal(span=token.span, kind=kind, value=value)
        if token.text in _RESERVED or token.text in (*_CONSTANTS, "in"):
            raise self._invalid(f"`{token.text}` is a reserved word", token.span)
        if not self._taken("("):
            return syntax.Identifier(span=token.span, name=token.text, outermost=outermost)
        arguments = self._arguments()
        span = Span(token.span.start, self._require(")"))
        if token.text == "has" and not outermost:
            return self._has(span, arguments)
        return syntax.Call(span=span, function=token.text, target=None, arguments=tuple(arguments))

    def _has(self, span: Span, arguments: list[Node]) -> Node:
        if len(arguments) != 1 or not isinstance(arguments[0], syntax.Select):
            hint = "write `has(assertion.claim)`"
            raise self._invalid("`has` takes one field behind a dot", span, hint)
        return syntax.Has(span=span, operand=arguments[0].operand, field=arguments[0].field)

    def _arguments(self) -> list[Node]:
        if self._at(")"):
            return []
        arguments = [self._expression()]
        while self._taken(","):
            arguments.append(self._expression())
        return arguments

    def _list(self, start: int) -> Node:
        items: list[Node] = []
        while not self._at("]"):
            items.append(self._expression())
            if not self._taken(","):
                break
        return syntax.ListLiteral(span=Span(start, self._require("]")), items=tuple(items))

    def _map(self, start: int) -> Node:
        entries: list[tuple[Node, Node]] = []
        while not self._at("}"):
            key = self._expression()
            self._require(":")
            entries.append((key, self._expression()))
            if not self._taken(","):
                break
        return syntax.MapLiteral(span=Span(start, self._require("}")), entries=tuple(entries))

    def _members(self, operand: Node, start: int) -> Node:
        while True:
            if self._taken("."):
                operand = self._field(operand, start)
            elif self._taken("["):
                key = self._expression()
                span = Span(start, self._require("]"))
                operand = syntax.Index(span=span, operand=operand, key=key)
            elif self._at("{") and (name := _dotted(operand, self._text, start)):
                operand = self._message(name, start)
            else:
                return operand

    def _message(self, name: str, start: int) -> Node:
        self._require("{")
        fields: list[tuple[str, Node]] = []
        while not self._at("}"):
            field = self._field_name().text
            self._require(":")
            fields.append((field, self._expression()))
            if not self._taken(","):
                break
        return syntax.Message(span=Span(start, self._require("}")), name=name, fields=tuple(fields))

    def _field_name(self) -> lexer.Token:
        token = self._token
        if token.kind == "quoted-name" or (token.kind == "name" and token.text not in (*_CONSTANTS, "in")):
            return self._take()
        raise self._expected("a field's name")

    def _field(self, operand: Node, start: int) -> Node:
        token = self._field_name()
        if token.kind == "quoted-name" or not self._taken("("):
            span = Span(start, token.span.end)
            return syntax.Select(span=span, operand=operand, field=token.text)
        arguments = self._arguments()
        span = Span(start, self._require(")"))
        if token.text in _MACROS:
            return self._macro(token, span, operand, arguments)
        return syntax.Call(span=span, function=token.text, target=operand, arguments=tuple(arguments))

    def _macro(self, name: lexer.Token, span: Span, range_: Node, arguments: list[Node]) -> Node:
        if not (len(arguments) == 2 or (name.text == "map" and len(arguments) == 3)):
            raise self._invalid(f"`{name.text}` takes a variable and an expression", name.span)
        variable, *bodies = arguments
        if not isinstance(variable, syntax.Identifier) or variable.outermost:
            raise self._invalid(f"`{name.text}` names its variable first", variable.span)
        transform = bodies.pop() if name.text == "map" else None
        return syntax.Comprehension(
            span=span,
            macro=_MACROS[name.text],
            range=range_,
            variable=variable.name,
            predicate=bodies[0] if bodies else None,
            transform=transform,
        )


def _dotted(node: Node, text: str, start: int) -> str:
    """The names with dots that stand from `start` on, where the node is no more than they; "" where it is."""
    names: list[str] = []
    while isinstance(node, syntax.Select):
        names.append(node.field)
        node = node.operand
    if not isinstance(node, syntax.Identifier) or text[start] == "(":
        return ""
    return ("." if node.outermost else "") + ".".join([node.name, *reversed(names)])


def _natural(digits: str) -> int:
    """The number that these digits are: `007` is seven in CEL, and an error to Python's int(text, 0)."""
    return int(digits, 16 if digits.startswith("0x") else 10)
