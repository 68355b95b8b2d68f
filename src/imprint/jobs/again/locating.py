"""The models that a picture was drawn with, found by their hashes.

Reads: a picture's record, model folders, runs. Writes: nothing. Does not: open models or load torch, so that a missing
one is told at once.

Nothing large is hashed that cannot be it: a base only if it has the recorded name, a run's weights only if they are of
the recorded kind.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from imprint.artifacts.files import sha256_file
from imprint.artifacts.found_record import FoundRecord, find_record
from imprint.artifacts.infotext import Infotext
from imprint.artifacts.network_hash import header_texts
from imprint.artifacts.picture import AdapterRecord
from imprint.config.files import read_toml
from imprint.errors import InputError, ModelError, shortened
from imprint.jobs.again.beginnings import Beginning, beginning_by_md5, beginning_of
from imprint.jobs.again.recipe import AgainRecipe
from imprint.jobs.base_names import NANO, base_hash, base_name
from imprint.jobs.exported import exported_hash
from imprint.jobs.search_paths import paths_in

MODELS_VARIABLE = "IMPRINT_MODELS"
WEIGHTS = Path("result") / "weights.safetensors"
HASH_DIGITS = 64
SHORTEST_HASH = 8  # digits that are enough to tell models apart


@dataclass(frozen=True)
class Located:
    """A record, and all that is needed to draw it.

    Attributes:
        found: what the picture's file says.
        base: name or folder.
        weights: of the record's adapters, in their order.
        base_note: why the base may be another than the picture's, or "".
        beginning: the picture that it began with, if it did and that was found.
    """

    found: FoundRecord
    base: str
    weights: tuple[Path, ...] = ()
    base_note: str = ""
    beginning: Beginning | None = None


@dataclass(frozen=True)
class _BaseWanted:
    name: str
    digest: str
    ours: bool

    def __str__(self) -> str:
        name = shortened(self.name) if self.name else "a base without a name"
        return f"{name} (hash {self.digest[:12]})" if self.digest else name


def locate(recipe: AgainRecipe) -> Located:
    """Find what a picture was drawn with.

    Raises:
        InputError: if the picture has no record, or one that cannot be drawn again.
        ModelError: naming the base or the weights that are missing, by name and hash.
        InputError: naming the picture that it began with, if that is missing.
    """
    found = find_record(recipe.picture)
    if found.record is None and found.infotext is None:
        raise InputError(
            f"this picture was made by a graph of {found.tool}, which Imprint does not run", where=recipe.picture,
            allowed="a record of Imprint, or an infotext of A1111, Forge or NovelAI",
            hint=f"`imprint show {recipe.picture} --json` prints the graph",
        )
    base, note = _base(recipe, _base_wanted(found))
    adapters = found.record.adapters if found.record else ()
    weights = tuple(_weights(recipe, adapter) for adapter in adapters)
    return Located(found, base, weights, note, _beginning(recipe, found))


def _beginning(recipe: AgainRecipe, found: FoundRecord) -> Beginning | None:
    if found.record is not None:
        return beginning_of(recipe, found.record.image) if found.record.image else None
    said = (found.infotext or Infotext("")).parameters
    return beginning_by_md5(recipe, said.get("Init image hash", ""))


def _base_wanted(found: FoundRecord) -> _BaseWanted:
    if found.record is not None:
        return _BaseWanted(found.record.base_name, found.record.base[:HASH_DIGITS], ours=True)
    said = (found.infotext or Infotext("")).parameters
    digest = said.get("Model hash", "").lower()
    return _BaseWanted(said.get("Model", ""), digest, ours=found.tool == "Imprint" and bool(digest))


def _base(recipe: AgainRecipe, wanted: _BaseWanted) -> tuple[str, str]:
    """The base to draw with, and why it may be another than the picture's."""
    if recipe.base is not None:
        return recipe.base, _given_base(recipe, recipe.base, wanted)
    found: list[str] = []
    for candidate in _bases(recipe, wanted):
        if not wanted.ours:
            return candidate, f"made with {wanted}; {candidate} has the name, and a folder has no such hash"
        try:
            digest = base_hash(candidate)
        except ModelError as error:  # one that is broken or gone must not hide the next
            found.append(f"{base_name(candidate)} ({error.what})")
            continue
        if _same(digest, wanted.digest):
            return candidate, ""
        found.append(f"{base_name(candidate)} ({digest[:12]})")
    accepted = f"the model folder whose hash is {wanted.digest}" if wanted.ours else "any model folder, with --base"
    raise ModelError(
        f"the base of this picture is not here: it was drawn with {wanted}",
        where=recipe.picture,
        got=", ".join(found) or None,
        allowed=accepted,
        hint=f"give its folder with --base, or the folder that holds it in {MODELS_VARIABLE}",
    )


def _given_base(recipe: AgainRecipe, base: str, wanted: _BaseWanted) -> str:
    """Compare a base that was named with the one that is wanted. Returns: how they differ."""
    if not wanted.ours:
        return f"made with {wanted}; drawn with {base_name(base)}"
    digest = base_hash(base)
    if _same(digest, wanted.digest):
        return ""
    if not recipe.any_base:
        raise ModelError(
            f"this is not the base that the picture was drawn with: that was {wanted}",
            where=base, got=digest[:12], allowed=f"the model folder whose hash is {wanted.digest}",
            hint="to draw with this one all the same, add --set any_base=true",
        )
    return f"drawn with {wanted}; now with {base_name(base)} (hash {digest[:12]})"


def _same(digest: str, wanted: str) -> bool:
    return len(wanted) >= SHORTEST_HASH and digest.startswith(wanted)


def _bases(recipe: AgainRecipe, wanted: _BaseWanted) -> Iterator[str]:
    """The bases that may be it, the likeliest first."""
    if wanted.ours:
        yield NANO  # whatever it was called: it is small, and may have been copied
    for run in _around(recipe.picture):
        of_run = read_toml(run / "recipe.toml").get("base", NANO) if (run / "recipe.toml").is_file() else NANO
        if wanted.ours and of_run != NANO:
            yield str(of_run)
    for folder in recipe.models or paths_in(MODELS_VARIABLE):
        # Compared with what is there and never joined to a path: the name comes from a file.
        yield from (str(child) for child in sorted(folder.glob("*")) if child.name == wanted.name and child.is_dir())


def _around(picture: Path) -> Iterator[Path]:
    """Folders above a picture that are runs."""
    return (folder for folder in picture.resolve().parents if (folder / WEIGHTS).is_file())


def _runs(recipe: AgainRecipe) -> Iterator[Path]:
    """Every run whose weights may be the ones, each once."""
    near = sorted(Path("runs").glob("*")) if Path("runs").is_dir() else []
    return iter(dict.fromkeys((*recipe.runs, *_around(recipe.picture), *near)))


def _weights(recipe: AgainRecipe, adapter: AdapterRecord) -> Path:
    """The file with the hash of the record."""
    if not adapter.sha256:
        raise InputError(
            f"this picture was drawn with weights of {adapter.name!r} that were still being trained and were not kept",
            where=recipe.picture,
            hint="pictures that `imprint generate` drew can be drawn again",
        )
    looked: list[str] = []
    for run in _runs(recipe):
        path = run / WEIGHTS
        if path.is_file() and header_texts(path).get("imprint.kind") == adapter.kind:
            digest = sha256_file(path)
            if digest == adapter.sha256:
                return path
            looked.append(f"{path} ({digest[:12]})")
    raise ModelError(
        f"the weights of this picture are not here: it was drawn with {shortened(adapter.name)} ({adapter.kind}, "
        f"hash {adapter.sha256[:12]})",
        where=recipe.picture,
        got=", ".join(looked) or None,
        allowed=f"a run's {WEIGHTS.name} whose SHA-256 is {adapter.sha256}",
        hint='name the run with --set \'runs=["RUN"]\'',
    )


def network_of(recipe: AgainRecipe, short_hash: str) -> Path | None:
    """The weights of a run whose export A1111 knows by this hash, or None."""
    for run in _runs(recipe):
        weights = run / WEIGHTS
        if weights.is_file() and short_hash and exported_hash(weights) == short_hash:
            return weights
    return None
