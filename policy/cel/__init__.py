"""The Common Expression Language as Google evaluates attribute conditions: parse, check, evaluate.

`parse` turns text into a tree with spans, `check` reads it against the token's vocabulary, and
`compile_condition` turns it into closures whose errors are values.
"""
