"""Pictures of the world as a dataset for anyone: an imagefolder with captions and ground truth.

Reads: seeds. Writes: PNG files and metadata.jsonl. Does not: train.
"""

from __future__ import annotations

import json
from pathlib import Path

from PIL import Image

from imprint.artifacts.files import write_text
from imprint.jobs.progress import announce
from imprint.nano.world.captions import caption
from imprint.nano.world.render import render
from imprint.nano.world.spec import sample_spec


def render_imagefolder(out: Path, count: int, seed: int = 0) -> Path:
    """Draw pictures `seed`..`seed + count - 1` of the world.

    Each line of metadata.jsonl has file_name, text, and the attributes that can be seen.

    Args:
        out: folder; made if missing.
        count: pictures.
        seed: of the first.
    """
    out.mkdir(parents=True, exist_ok=True)
    tell = announce("renders")
    lines: list[str] = []
    for number in range(seed, seed + count):
        spec = sample_spec(number)
        name = f"{number:07d}.png"
        Image.fromarray(render(spec)).save(out / name)
        lines.append(json.dumps({"file_name": name, "text": caption(spec, number, drop=0), **spec.visible()}))
        tell(number - seed + 1, count)
    write_text(out / "metadata.jsonl", "\n".join(lines) + "\n")
    return out
