"""Gathers what a finished run left in its folder and has the report built from it.

Reads: a run folder, its scorecard. Writes: `report/index.html`. Does not: compute scores.
"""

from __future__ import annotations

import shlex
from pathlib import Path

from imprint.artifacts.dataset_folder import Dataset, Role
from imprint.artifacts.event_log import EventLog
from imprint.artifacts.run_folder import RunFolder
from imprint.evaluation import Examiner, ReportData, Scorecard, build_report
from imprint.evaluation.report import Command, DrawingLimit, Pair, Shown, Timeline, TimelineRow
from imprint.jobs.bases import NANO
from imprint.jobs.examination import numbered, plan, read_drawn
from imprint.jobs.recipe import PersonalizeRecipe

COPIES_SHOWN = 4


def write_report(
    recipe: PersonalizeRecipe, run: RunFolder, card: Scorecard, examiner: Examiner, limit: tuple[float, float],
) -> Path:
    """Build the page of a run.

    Args:
        recipe: of the run.
        run: its folder, with samples of the base and of every checkpoint.
        card: its scores.
        examiner: of the run; finds the nearest photo of each result.
        limit: PSNR in dB of the photos through the base's autoencoder, and of the base's own pictures.
    Returns: the path of index.html.
    """
    dataset = Dataset.open(run.dataset)
    chosen = run.samples_dir(card.chosen.step)
    prompts = {item.file_name: item.request.prompt for item in plan(recipe, recipe.size_px or 8)}
    shown = [*numbered(chosen, "context"), *numbered(chosen, "subject")]
    first = next(iter(numbered(chosen, "subject")))
    log = EventLog(run.events)
    data = ReportData(
        name=recipe.name,
        class_word=recipe.class_word,
        scorecard=card,
        result=tuple(Shown(path, prompts[path.name]) for path in (first, *(p for p in shown if p != first))),
        photos=tuple(dataset.path(i) for i in dataset.indices(Role.INSTANCE, Role.HELD_OUT)),
        timeline=_timeline(recipe, run, card),
        drift=tuple(
            Pair(before, after, prompts[before.name])
            for before, after in zip(numbered(run.samples_dir(0), "prior"), numbered(chosen, "prior"), strict=True)
        ),
        copies=_copies(examiner, run, dataset, card.chosen.step),
        drawing_limit=_limit(recipe, limit),
        losses=tuple((e.step or 0, float(e.fields["loss"])) for e in log.by_step("step")),
        recipe=run.recipe.read_text(encoding="utf-8"),
        commands=_commands(recipe, run),
        facts=_facts(recipe, dataset),
        notes=tuple(dict.fromkeys(str(e.fields["text"]) for e in log.read("warning"))),
    )
    return build_report(data, run.report)


def _timeline(recipe: PersonalizeRecipe, run: RunFolder, card: Scorecard) -> Timeline:
    subject = [item for item in plan(recipe, recipe.size_px or 8) if item.file_name.startswith("subject-")]
    rows = [
        TimelineRow(step, tuple(run.samples_dir(step) / item.file_name for item in subject))
        for step in (0, *(score.step for score in card.checkpoints))
    ]
    return Timeline(subject[0].request.prompt, tuple(item.request.seed for item in subject), tuple(rows))


def _copies(examiner: Examiner, run: RunFolder, dataset: Dataset, step: int) -> tuple[Pair, ...]:
    found = examiner.copies(read_drawn(run.samples_dir(step)))
    drawn, photos = numbered(run.samples_dir(step), "subject"), dataset.indices(Role.INSTANCE)
    return tuple(
        Pair(drawn[near.picture], dataset.path(photos[near.photo]), f"nearness {near.nearness:.2f}", near.copied)
        for near in found.nearest[:COPIES_SHOWN]
    )


def _limit(recipe: PersonalizeRecipe, limit: tuple[float, float]) -> DrawingLimit:
    draws = "cartoon figurines of 128 pixels" if recipe.base == NANO else ""
    return DrawingLimit(psnr_db=limit[0], usual_db=limit[1], base_draws=draws)


def _commands(recipe: PersonalizeRecipe, run: RunFolder) -> tuple[Command, ...]:
    subject = f"{recipe.name} {recipe.class_word}".strip()
    place = shlex.quote(str(run.path))
    return (
        Command(
            "Draw it somewhere else",
            f"imprint generate {shlex.quote(f'a pencil drawing of {subject} in space')} --run {place} -n 4",
        ),
        Command(
            "Draw it from a seed", f"imprint generate {shlex.quote(f'a photo of {subject}')} --run {place} --seed 1",
        ),
    )


def _facts(recipe: PersonalizeRecipe, dataset: Dataset) -> tuple[tuple[str, str], ...]:
    roles = {role: len(dataset.indices(role)) for role in Role}
    photos = f"{roles[Role.INSTANCE]} trained on, {roles[Role.HELD_OUT]} held out"
    return (
        ("base", recipe.base),
        ("method", recipe.method.kind),
        ("objective", recipe.objective.kind),
        ("steps", str(recipe.loop.steps)),
        ("photos", photos),
        ("class images", str(roles[Role.PRIOR]) if roles[Role.PRIOR] else "none"),
        ("seed", str(recipe.seed)),
        ("device", recipe.device),
        ("judge", recipe.judge),
    )
