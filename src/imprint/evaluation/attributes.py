"""What a judge read in pictures against what was asked for: right answers, colours at the right thing, calibration.

Reads: `AttributeReading`, the attributes asked for. Writes: numbers. Does not: run a judge, or draw.
"""

# N pictures, V values of an attribute
from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from imprint.evaluation.judges import AttributeReading
from imprint.nano.world.vocabulary import ATTRIBUTES, COLOUR_ATTRIBUTES
from imprint.training.calibration import calibration_gap

Asked = Sequence[Mapping[str, str]]  # for each picture, attribute to value


def right_answers(reading: AttributeReading, asked: Asked) -> dict[str, NDArray[np.bool_]]:
    """Whether each attribute that was asked for reads as asked.

    Args:
        reading: of N pictures.
        asked: for each of them; attributes and values unknown to the judge are left out.
    Returns: by attribute, one answer for each picture that was asked to show it, in order; none without answers.
    """
    found: dict[str, NDArray[np.bool_]] = {}
    for name in reading.probabilities:
        rows = _rows_asked(reading, asked, name)
        if rows:
            read = values_read(reading, name)
            found[name] = np.array([read[row] == asked[row][name] for row in rows])
    return found


def accuracies(reading: AttributeReading, asked: Asked) -> dict[str, float]:
    """Share of right answers by attribute, 0..1."""
    return {name: float(right.mean()) for name, right in right_answers(reading, asked).items()}


def mean_accuracy(reading: AttributeReading, asked: Asked) -> float | None:
    """Mean over attributes of the share of right answers, 0..1; None when nothing was asked that the judge names."""
    table = accuracies(reading, asked)
    return float(np.mean(list(table.values()))) if table else None


def all_right(reading: AttributeReading, asked: Asked) -> float:
    """Share of pictures in which everything that was asked for, and that the judge names, reads as asked, 0..1."""
    wrong = np.zeros(len(asked), dtype=bool)
    for name in reading.probabilities:
        read = values_read(reading, name)
        for row in _rows_asked(reading, asked, name):
            wrong[row] |= read[row] != asked[row][name]
    return float(1 - wrong.mean())


def values_read(reading: AttributeReading, name: str) -> list[str]:
    """The most probable value of an attribute in each picture."""
    values = reading.values[name]
    return [values[int(best)] for best in reading.probabilities[name].argmax(axis=1)]


def _rows_asked(reading: AttributeReading, asked: Asked, name: str) -> list[int]:
    return [row for row, values in enumerate(asked) if values.get(name) in reading.values[name]]


@dataclass(frozen=True)
class Binding:
    """Whether colours went to the thing that they were asked for.

    Attributes:
        accuracy: share of colours that read as asked, over pictures with at least two colours, 0..1.
        swapped: share of those that could be taken for another asked colour and were, 0..1; lower is better.
        colours: how many colours the accuracy is of.
        at_risk: how many the share of swaps is of.
    """

    accuracy: float
    swapped: float
    colours: int
    at_risk: int


def colour_names() -> tuple[str, ...]:
    """Colour attributes that share a value with another one: those that a picture can mix up (skin shares none)."""
    values = {name: set(ATTRIBUTES[name]) for name in COLOUR_ATTRIBUTES}
    return tuple(
        name for name, own in values.items() if any(own & other for rest, other in values.items() if rest != name)
    )


def colour_binding(reading: AttributeReading, asked: Asked) -> Binding | None:
    """Measure binding over the pictures that were asked to show at least two colours.

    A colour is swapped when it is read wrongly, as a different colour that another attribute of the same picture was
    asked for. It is at risk when there is such a colour among the values that it can take.

    Returns: None when no picture was asked for two colours.
    """
    names = [name for name in colour_names() if name in reading.probabilities]
    read = {name: values_read(reading, name) for name in names}
    right: list[bool] = []
    swapped: list[bool] = []
    for row, values in enumerate(asked):
        here = {name: values[name] for name in names if values.get(name) in reading.values[name]}
        if len(here) < 2:
            continue
        for name, value in here.items():
            right.append(read[name][row] == value)
            rivals = {other for rest, other in here.items() if rest != name and other != value}
            if rivals & set(reading.values[name]):
                swapped.append(read[name][row] in rivals)
    if not right:
        return None
    return Binding(float(np.mean(right)), float(np.mean(swapped)) if swapped else 0.0, len(right), len(swapped))


def calibration_error(reading: AttributeReading, asked: Asked) -> float | None:
    """Expected calibration error over all answers, 0..1: how far confidence is from the share of right answers.

    Confidence is the probability of the most probable value; see `imprint.training.calibration`.
    """
    right = right_answers(reading, asked)
    if not right:
        return None
    sure = [reading.probabilities[name].max(axis=1)[_rows_asked(reading, asked, name)] for name in right]
    return calibration_gap(torch.tensor(np.concatenate(sure)), torch.tensor(np.concatenate(list(right.values()))))
