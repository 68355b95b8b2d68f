"""Which recipe each verb takes; imported when it is asked for.

Reads: nothing. Writes: nothing. Does not: build a recipe.
"""

from __future__ import annotations

import importlib
from typing import cast

from imprint.config import Config
from imprint.registry import Registry

RECIPES: Registry[str] = Registry("recipe")
RECIPES.add("personalize", "imprint.jobs.recipe:PersonalizeRecipe")
RECIPES.add("generate", "imprint.jobs.recipe:GenerateRecipe")
RECIPES.add("again", "imprint.jobs.again:AgainRecipe")
RECIPES.add("grid", "imprint.jobs.grid:GridRecipe")
RECIPES.add("probe", "imprint.jobs.probe:ProbeRecipe")
RECIPES.add("token-suggest", "imprint.jobs.probe:TokenRecipe")
RECIPES.add("nano-report", "imprint.jobs.nano.report:Plan")
RECIPES.add("nano-benchmark", "imprint.jobs.benchmark:BenchmarkRecipe")


def recipe_model(verb: str) -> type[Config]:
    """The model of a verb's recipe.

    Raises: UnknownNameError: if the verb takes none.
    """
    module, _, name = RECIPES.get(verb).partition(":")
    return cast("type[Config]", getattr(importlib.import_module(module), name))
