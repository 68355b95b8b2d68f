"""Weights as files: what a method learnt, stored, and exported for other tools.

Reads: MethodState, Family, safetensors. Writes: safetensors, model folders. Does not: open pickles.
"""

from __future__ import annotations

from imprint.weights.export import EXPORTERS, export_method
from imprint.weights.state_files import load_state, save_state

__all__ = ["EXPORTERS", "export_method", "load_state", "save_state"]
