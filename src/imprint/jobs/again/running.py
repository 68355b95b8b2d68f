"""Drawing a picture once more. Reads: what was located. Writes: a picture. Does not: look for models."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast, get_args

from imprint.artifacts.image_file import decode_layers, read_regular
from imprint.artifacts.infotext import Infotext
from imprint.artifacts.picture import Precision
from imprint.artifacts.picture_file import Png, format_of
from imprint.config import load_config
from imprint.errors import InputError, MissingExtraError, ModelError, shortened
from imprint.jobs.again.locating import Located, locate
from imprint.jobs.again.recipe import AgainRecipe
from imprint.jobs.base_names import base_name

if TYPE_CHECKING:
    from imprint.artifacts.picture import AdapterRecord, HiresRecord
    from imprint.generation.hires import OpenUpscaler
    from imprint.generation.image_to_image import ImageToImage
    from imprint.generation.record import Understood
    from imprint.generation.text_to_image import TextToImage
    from imprint.jobs.drawing import Learnt
    from imprint.weights.shelf import Shelf

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class AgainResult:
    """A picture drawn once more.

    Attributes:
        picture: its file.
        notes: what of the record was not followed, or not exactly; empty for our own records.
        same_pixels: whether every pixel is that of the original file; None where that file keeps no exact pixels, or
            something else was asked for.
    """

    picture: Path
    notes: tuple[str, ...]
    same_pixels: bool | None


def again(recipe: AgainRecipe, located: Located | None = None) -> AgainResult:
    """Draw a picture once more, from the record in its file.

    From one of our own records that is the same picture, bit for bit, on the kind of device and with the versions of
    the libraries that drew it. From another tool's it is the nearest that can be drawn here.

    Args:
        recipe: which picture, and what differs.
        located: what `locate` found for it; left out, it is looked for.
    Raises:
        InputError: if the picture has no record, or was drawn in a number format that is none of ours.
        ConfigError: if a change is none that can be made.
        ModelError: if the base or weights are missing or not those of the record.
        OutputError: if the picture cannot be written.
    """
    located = located or locate(recipe)
    # Imported here: what is missing was told before torch is loaded.
    from imprint.jobs.bases import open_base
    from imprint.jobs.drawing import applied, check_folder, save_numbered
    from imprint.jobs.networks import open_shelf
    from imprint.jobs.upscalers import upscaler_opener
    from imprint.jobs.wishes import Wish, drawn, open_source

    shelf = open_shelf(recipe.networks)
    open_upscaler = upscaler_opener(recipe.upscalers, recipe.device)
    request, learnt, notes = _asked(recipe, located, shelf, open_upscaler)
    for note in notes:
        _log.warning("%s", note)
    out = check_folder(recipe.out or Path("pictures"))
    family = open_base(located.base, _precision(recipe, located), recipe.device)
    with applied(family, learnt) as adapters:
        begun = located.beginning
        source = open_source(begun.source, begun.mask) if begun else None
        wish = Wish(request, source, _template(recipe, located))
        picture = next(drawn(family, [wish], adapters=adapters, shelf=shelf, open_upscaler=open_upscaler))
    path = save_numbered(out, picture, base_name(located.base), recipe.format)
    same = _same_pixels(recipe, located, path)
    if same is not None:
        _log.info("%s", "every pixel is the same" if same else "some pixels differ from those of the picture")
    return AgainResult(path, notes, same)


def _precision(recipe: AgainRecipe, located: Located) -> Precision:
    """The number format that is asked for, or the record's.

    Raises: InputError: if the record's is none of ours.
    """
    record, known = located.found.record, get_args(Precision)
    if recipe.precision or record is None:
        return recipe.precision or "fp32"
    if record.precision not in known:
        raise InputError(
            "this picture was drawn in another number format", where=recipe.picture, got=record.precision,
            allowed=", ".join(known), hint="draw it in one of these: --set precision=fp32",
        )  # fmt: skip
    return cast("Precision", record.precision)


def _template(recipe: AgainRecipe, located: Located) -> dict[str, object]:
    """What our record says of how its prompts were written, where they are still the same."""
    record = located.found.record
    changed = {change.partition("=")[0].strip().partition(".")[0] for change in recipe.changes}
    if record is None or changed & {"prompt", "negative_prompt", "hires"}:
        return {}
    return record.model_dump(include={"styles", *(name for name in type(record).model_fields if "template" in name)})


def _check_networks(wanted: Sequence[AdapterRecord], shelf: Shelf | None) -> None:
    """Raises: ModelError: if a network of a record is not on the shelf, or another file has its name."""
    for network in wanted:
        named = [file for file in shelf.files if file.name == network.name] if shelf else []
        if not any(file.sha256 == network.sha256 for file in named):
            raise ModelError(
                f"the {network.kind} of this picture is not there", where=shortened(network.name),
                got="another file of that name" if named else "no file of that name",
                allowed=f"the one with SHA-256 {network.sha256}",
                hint="put it into a folder and name that in `networks`",
            )  # fmt: skip


def _check_upscaler(hires: HiresRecord, open_upscaler: OpenUpscaler) -> None:
    """Raises: ModelError: if the model of a second pass is not there, or another file has its name."""
    if hires.upscaler_sha256 and (got := open_upscaler(hires.upscaler).sha256) != hires.upscaler_sha256:
        raise ModelError(
            "this is not the upscaler of this picture", where=shortened(hires.upscaler), got=got[:12],
            allowed=f"the model with SHA-256 {hires.upscaler_sha256}", hint="name its folder in `upscalers`",
        )  # fmt: skip


def _missing_upscaler(name: str, open_upscaler: OpenUpscaler) -> str:
    """Why another one is taken for an upscaler of another tool's record, or ""."""
    from imprint.generation.latent_upscaling import LATENT_UPSCALERS

    try:
        if not LATENT_UPSCALERS.find(name):
            open_upscaler(name)
    except (ModelError, MissingExtraError) as error:
        return f"Hires upscaler: {shortened(name)} ({error.what}; latent is taken)"
    return ""


def _passes(
    understood: Understood, fields: Mapping[str, Any], located: Located, open_upscaler: OpenUpscaler
) -> tuple[dict[str, Any], list[str]]:
    """The fields of another tool's record with a second pass and a source that can be had, and what cannot."""
    out, notes = dict(fields), list[str]()
    if "hires" in out and (note := _missing_upscaler(out["hires"]["upscaler"], open_upscaler)):
        notes.append(note)
        out["hires"] = {**out["hires"], "upscaler": "latent"}
    if understood.image is not None and located.beginning is None:
        known = f"hash {understood.source_md5}" if understood.source_md5 else "no hash is given"
        notes.append(f"it began with another picture ({known}); drawn from noise, or name it with --set source=PICTURE")
    elif understood.image is not None:
        out["image"] = dict(understood.image)
        if located.beginning is not None and located.beginning.mask is None and "mask_blur_px" in understood.image:
            notes.append("it was drawn inside a mask; all of it is drawn, or name the mask with --set mask=PICTURE")
    return out, notes


def _asked(
    recipe: AgainRecipe, located: Located, shelf: Shelf | None, open_upscaler: OpenUpscaler
) -> tuple[TextToImage | ImageToImage, list[Learnt], tuple[str, ...]]:
    """The request of a record with the changes made, what is put on the base, and what is not followed."""
    from imprint.generation.record import fields_of, understand
    from imprint.jobs.again.networks import place_networks
    from imprint.jobs.drawing import Learnt

    notes = [f"base: {located.base_note}"] if located.base_note else []
    record = located.found.record
    if record is not None:
        if not any(change.partition("=")[0].strip() == "prompt" for change in recipe.changes):
            _check_networks(record.networks, shelf)
        if record.hires is not None and not any(change.strip().startswith("hires") for change in recipe.changes):
            _check_upscaler(record.hires, open_upscaler)
        pairs = zip(located.weights, record.adapters, strict=True)
        recorded = [Learnt(path, adapter.name, adapter.strength) for path, adapter in pairs]
        return _changed(recipe, fields_of(record), record.image is not None), recorded, tuple(notes)
    understood = understand(located.found.infotext or Infotext(""))
    placed = place_networks(recipe, understood, shelf)
    fields, more = _passes(understood, placed.fields, located, open_upscaler)
    notes += [*map(str, understood.notes), *placed.notes, *more]
    learnt = [Learnt(path, network.name, network.strength) for path, network in placed.weights]
    return _changed(recipe, fields, located.beginning is not None), learnt, tuple(notes)


def _changed(recipe: AgainRecipe, fields: Mapping[str, Any], begun: bool) -> TextToImage | ImageToImage:
    """A request with the changes that the user wants.

    Raises: ConfigError: naming every field that is none, or out of bounds.
    """
    from imprint.generation.image_to_image import ImageToImage
    from imprint.generation.text_to_image import TextToImage

    model = ImageToImage if begun else TextToImage
    return load_config(model, sets=recipe.changes, beneath=fields, explain="imprint explain --recipe generate")


def _same_pixels(recipe: AgainRecipe, located: Located, path: Path) -> bool | None:
    """Whether the new file shows exactly what the old one does, where both keep every pixel."""
    record = located.found.record
    as_drawn = record is not None and recipe.precision in (None, record.precision)
    exact = as_drawn and not recipe.changes and not located.base_note
    if not (exact and located.found.place.startswith("PNG") and isinstance(format_of(path), Png)):
        return None
    old, new = (decode_layers(read_regular(one), one).convert("RGB") for one in (recipe.picture, path))
    return old.size == new.size and old.tobytes() == new.tobytes()
