"""The files that a run leaves for other tools, as those know them. Reads: files. Writes: nothing. Loads no torch."""

from __future__ import annotations

from pathlib import Path

from imprint.artifacts.network_hash import network_hash
from imprint.weights.lora_files import LORA_FILE


def exported_hash(weights: Path) -> str:
    """The hash by which A1111 knows a run's LoRA: of the exported file, which is the one that it can load.

    Args:
        weights: of the run's result; its own hash counts where no export lies beside it.
    Raises: ModelError: if the file cannot be read.
    """
    exported = weights.with_name(LORA_FILE)
    return network_hash(exported if exported.is_file() else weights)
