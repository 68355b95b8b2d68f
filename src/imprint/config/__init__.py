"""Configuration: frozen models, TOML in and out, every problem at once, help for each field.

Reads: TOML, `path=value` settings. Writes: TOML, text. Does not: know any recipe; those stand where they are used.
"""

from imprint.config.base import Config
from imprint.config.explain import FieldHelp, describe, explain
from imprint.config.files import changed, dump_toml, load_config
from imprint.config.problems import Problem, problems_of

__all__ = [
    "Config", "FieldHelp", "Problem", "changed", "describe", "dump_toml", "explain", "load_config", "problems_of",
]  # fmt: skip
