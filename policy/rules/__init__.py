"""The rules a policy is held to. A rule may miss; it may never cry wolf.

A rule that asks one question of tokens is an entry of `by_admission`, one that the type checker decides an
entry of `by_type`. Every other rule is a module, named as its slug is, with `SLUG`, `SEVERITY`, `TITLE` and
`check(context) -> Iterator[Finding]`.

What a rule asks of tokens it also says beforehand, in `asks(context) -> Iterator[Key]`: the questions of all
rules are then answered in few questions to the solver, and `check` runs once for each provider. A module
that asks nothing has no `asks`. A question that only the answer to another one leads to may be asked in
`check` alone; it is answered on its own.

A rule's page is docs/reference/rules/<slug>.md, and `policy.rule_slugs` lists it.
"""
