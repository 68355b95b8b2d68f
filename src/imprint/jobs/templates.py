"""From the prompts of a recipe to those of its pictures: styles first, then variants, wildcards and variables.

Reads: recipes, files of styles, folders of wildcards, the environment. Writes: prompts. Does not: draw.

What a picture is drawn with is the prompt that was written out, which its record holds beside the template: to draw it
again needs neither files nor folders.
"""

from __future__ import annotations

import functools
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from imprint.errors import PromptError
from imprint.generation.hires import Hires
from imprint.generation.request import PROMPT_LIMIT
from imprint.jobs.recipe import GenerateRecipe
from imprint.jobs.search_paths import paths_in
from imprint.prompts import Expanded, Style, Wildcards, apply_styles, chosen, expand, expand_all, read_styles

log = logging.getLogger(__name__)

DEFAULT_WILDCARDS, DEFAULT_STYLES = "wildcards", "styles.csv"
WARNED = frozenset({"wildcard-unknown", "wildcard-name", "variable-unknown"})  # other remarks are mere news
REMARKS_TOLD = 20  # of one text

Dynamic: TypeAlias = Literal["random", "all", "off"]


@dataclass(frozen=True)
class Written:
    """The prompts of one picture, written out.

    Attributes:
        prompt: what draws.
        negative_prompt: the same.
        hires: the second pass, with prompts of its own written out; None where there is none.
        template: the fields of a picture's record that say what they were made of; empty where they are as written.
    """

    prompt: str
    negative_prompt: str
    hires: Hires | None
    template: Mapping[str, object]


def open_wildcards(folders: Sequence[Path] = ()) -> Wildcards | None:
    """The wildcards that prompts may name; None where no folder was named and there is no `wildcards/`.

    Args:
        folders: where they are; without, those of `IMPRINT_WILDCARDS`, else `wildcards/`.
    Raises: PromptError: if a folder that was named does not exist, or they hold too much.
    """
    if named := tuple(folders) or paths_in("IMPRINT_WILDCARDS"):
        return Wildcards(*named)
    return Wildcards(Path(DEFAULT_WILDCARDS)) if Path(DEFAULT_WILDCARDS).is_dir() else None


def open_styles(files: Sequence[Path] = ()) -> dict[str, Style]:
    """Styles by name; of several with one name that of the last file counts.

    Args:
        files: CSV; without, those of `IMPRINT_STYLES`, else `styles.csv`.
    Raises: PromptError: if there is none, or one cannot be read.
    """
    named = tuple(files) or paths_in("IMPRINT_STYLES")
    if not named and not Path(DEFAULT_STYLES).is_file():
        hint = "name one in `styles_files`, or in IMPRINT_STYLES"
        raise PromptError("there is no file of styles", where=DEFAULT_STYLES, hint=hint)
    return {name: style for file in named or (Path(DEFAULT_STYLES),) for name, style in read_styles(file).items()}


def mode_of(recipe: GenerateRecipe) -> Dynamic:
    """What becomes of variants and wildcards; in A1111's own language they are text."""
    return recipe.dynamic or ("off" if recipe.compat == "a1111" else "random")


class PromptWriter:
    """Writes out the prompts of recipes; files are read, and remarks made, once."""

    def __init__(self) -> None:
        self._styles = functools.cache(open_styles)
        self._wildcards = functools.cache(open_wildcards)
        self._told: set[tuple[str, str]] = set()

    def one(self, recipe: GenerateRecipe, seed: int) -> Written:
        """The prompts of the picture with a seed, alone or among others.

        Raises: PromptError: if a style is missing, a file cannot be read, or a text grows too long.
        """
        prompt, _ = self._styled(recipe, recipe)
        return self._written(recipe, self._drawn("prompt", recipe, prompt, seed), seed)

    def every(self, recipe: GenerateRecipe) -> list[Expanded]:
        """Every combination of a prompt, in order.

        Raises: PromptError: as `one`, and if there are more than `max_combinations`.
        """
        prompt, _ = self._styled(recipe, recipe)
        known, limit = self._known(recipe, prompt), recipe.max_combinations
        found = list(expand_all(prompt, wildcards=known, limit=limit, seed=recipe.seed))
        self._tell("prompt", prompt, found[0])
        return found

    def combination(self, recipe: GenerateRecipe, prompt: Expanded, seed: int) -> Written:
        """One of `every` with the other texts of a seed.

        Raises: PromptError: as `one`.
        """
        return self._written(recipe, prompt.text, seed)

    def _styled(self, recipe: GenerateRecipe, texts: GenerateRecipe | Hires) -> tuple[str, str]:
        """Prompt and negative prompt of a pass with the styles round them; "" where it has none."""
        prompt, negative = texts.prompt or "", texts.negative_prompt or ""
        if not recipe.styles:
            return prompt, negative
        return apply_styles(prompt, negative, chosen(self._styles(recipe.styles_files), recipe.styles))

    def _written(self, recipe: GenerateRecipe, prompt: str, seed: int) -> Written:
        negative = self._drawn("negative prompt", recipe, self._styled(recipe, recipe)[1], seed)
        hires = self._again(recipe, recipe.hires, seed) if recipe.hires else None
        rows = [("prompt", prompt, recipe.prompt), ("negative_prompt", negative, recipe.negative_prompt)]
        if hires and recipe.hires:
            rows.append(("hires_prompt", hires.prompt or "", recipe.hires.prompt or ""))
            rows.append(("hires_negative_prompt", hires.negative_prompt or "", recipe.hires.negative_prompt or ""))
        for name, text, _ in rows:
            if len(text) > PROMPT_LIMIT:
                where, allowed = name.replace("hires_", "hires."), f"{PROMPT_LIMIT} characters"
                hint = "styles and wildcards count as what they become"
                raise PromptError("this prompt grows too long", where=where, got=len(text), allowed=allowed, hint=hint)
        said: dict[str, object] = {f"{name}_template": given for name, text, given in rows if text != given}
        return Written(prompt, negative, hires, said | ({"styles": recipe.styles} if recipe.styles else {}))

    def _again(self, recipe: GenerateRecipe, hires: Hires, seed: int) -> Hires:
        """A second pass with its own texts written out; those that it has not are the first's."""
        prompt, negative = self._styled(recipe, hires)
        own: dict[str, str] = {}
        if hires.prompt is not None:
            own["prompt"] = self._drawn("hires prompt", recipe, prompt, seed)
        if hires.negative_prompt is not None:
            own["negative_prompt"] = self._drawn("negative prompt", recipe, negative, seed)
        return hires.model_copy(update=own)

    def _drawn(self, role: str, recipe: GenerateRecipe, text: str, seed: int) -> str:
        """A text with its variants and wildcards drawn; `{@a|b}` goes with the seed, which counts on in a batch.

        Both passes choose alike where they are written alike; prompt and negative prompt choose apart.
        """
        if mode_of(recipe) == "off":
            return text
        stream = int(role == "negative prompt")
        found = expand(text, seed, wildcards=self._known(recipe, text), index=seed, stream=stream)
        self._tell(role, text, found)
        return found.text

    def _known(self, recipe: GenerateRecipe, text: str) -> Wildcards | None:
        return self._wildcards(recipe.wildcards) if recipe.wildcards or "__" in text else None

    def _tell(self, role: str, text: str, found: Expanded) -> None:
        """Say what was repaired, once for a text whatever the number of its pictures."""
        if not found.remarks or (role, text) in self._told:
            return
        self._told.add((role, text))
        for remark in found.remarks[:REMARKS_TOLD]:
            level = logging.WARNING if remark.kind in WARNED else logging.INFO
            log.log(level, "%s, character %d: %s", role, remark.start + 1, remark.text)
        if len(found.remarks) > REMARKS_TOLD:
            log.warning("%s: and %d more; `imprint prompt explain` shows them", role, len(found.remarks) - REMARKS_TOLD)
        if any(remark.kind == "wildcard-unknown" for remark in found.remarks):
            log.warning("wildcards are looked for in the folders of `wildcards`, of IMPRINT_WILDCARDS, or wildcards/")
