"""The rules a policy is held to: one module a rule, named as its slug is.

A rule's module has `SLUG`, `SEVERITY`, `TITLE` and `check(context) -> Iterator[Finding]`. A rule may
miss; it may never cry wolf. Its page is docs/reference/rules/<slug>.md, and
`policy.rule_slugs` lists it.
"""
