"""The files of deploy/, read once and strictly, for the tests."""

import re
from pathlib import Path

import yaml  # type: ignore[import-untyped]

from tests.test_settings import fields

ROOT = Path(__file__).parents[1]
DEPLOY = ROOT / "deploy"
KUBERNETES = DEPLOY / "k8s"
KNOWN = dict(fields())
"""Name of each setting in the environment -> its type."""
MINUTE = 60.0
_UNITS = {"s": 1.0, "m": MINUTE, "h": 60 * MINUTE}


class _Strict(yaml.SafeLoader):  # type: ignore[misc]
    """Refuses a key that stands twice, which YAML readers otherwise take the last of."""


def _mapping(loader, node):
    keys = [key.value for key, _ in node.value if key.tag != "tag:yaml.org,2002:merge"]
    twice = {key for key in keys if keys.count(key) > 1}
    if twice:
        raise yaml.YAMLError(f"{sorted(twice)} stands twice in line {node.start_mark.line + 1}")
    loader.flatten_mapping(node)
    return loader.construct_mapping(node, deep=True)


_Strict.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping)


def read(path):
    """All documents of a YAML file."""
    return list(yaml.load_all(path.read_text(encoding="utf-8"), Loader=_Strict))


def seconds(text):
    """A duration as compose and systemd write it: ``61m``, ``30s``, ``3660``."""
    return sum(float(n) * _UNITS[unit or "s"] for n, unit in re.findall(r"([\d.]+)([smh]?)", text))
