"""A hand of 21 landmarks with the bones of an adult, bent as wanted."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

# Millimetres, Buryanov and Kotiuk 2010: phalanges with the soft tissue of the tip, thumb with its metacarpal.
LONG_MM = ((39.8, 22.4, 19.7), (44.6, 26.3, 21.4), (41.4, 25.7, 21.3), (32.7, 18.1, 19.7))
THUMB_MM = (46.2, 31.6, 25.3)
KNUCKLES_MM = ((24.0, 92.0), (2.0, 94.0), (-18.0, 88.0), (-36.0, 80.0))  # index to little, from the wrist
SPLAY_DEG = (8.0, 1.0, -5.0, -12.0)

Bends = tuple[float, float, float]


def hand(*, bends: dict[int, Bends] | None = None, sideways: dict[int, float] | None = None) -> NDArray[np.float64]:
    """Landmarks in millimetres, shape (21, 3); the palm lies in the plane of x and y, fingers bend towards -z.

    Args:
        bends: degrees at knuckle, middle and end joint, by long finger (0 index .. 3 little); 10 each where left out.
        sideways: degrees by which the last bone of a finger leaves its plane.
    """
    points = [np.zeros(3), np.array([25.0, 20.0, 0.0])]
    direction = np.array([0.7, 0.7, -0.1]) / np.linalg.norm([0.7, 0.7, -0.1])
    points += [points[1] + direction * sum(THUMB_MM[: bone + 1]) for bone in range(3)]
    for finger, bones in enumerate(LONG_MM):
        splay = np.radians(SPLAY_DEG[finger])
        ahead, down = np.array([np.sin(splay), np.cos(splay), 0.0]), np.array([0.0, 0.0, -1.0])
        place, angle = np.array([*KNUCKLES_MM[finger], 0.0]), 0.0
        points.append(place)
        for bone, bend in zip(bones, (bends or {}).get(finger, (10.0, 10.0, 10.0)), strict=True):
            angle += np.radians(bend)
            bone_3 = ahead * np.cos(angle) + down * np.sin(angle)
            if bone is bones[2]:
                aside = np.radians((sideways or {}).get(finger, 0.0))
                bone_3 = bone_3 * np.cos(aside) + np.cross(ahead, down) * np.sin(aside)
            place = place + bone * bone_3
            points.append(place)
    return np.stack(points)
