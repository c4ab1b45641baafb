"""YAML as gcloud prints it: values alone, no references, no name twice, and a moment is a text.

Apart from `policy.documents`, so that only who reads YAML imports it.
"""

from __future__ import annotations

from typing import Any

import yaml


class PlainLoader(yaml.SafeLoader):
    """INVARIANT: no two members of one name, of which another reader might take the other."""

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            raise yaml.composer.ComposerError(problem="a reference to another place")
        return super().compose_node(parent, index)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        names = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
        if len(set(names)) != len(node.value):
            problem = "a name twice in one object, or a name that is no text"
            raise yaml.constructor.ConstructorError(None, None, problem, node.start_mark)
        return super().construct_mapping(node, deep=deep)


def _text(loader: yaml.SafeLoader, node: yaml.ScalarNode) -> str:
    return str(node.value)


PlainLoader.add_constructor("tag:yaml.org,2002:timestamp", _text)
