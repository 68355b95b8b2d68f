"""Weights as files: what a method learnt, stored, and exported for other tools; networks of any tool, read and applied.

Reads: MethodState, Family, safetensors; pickles by way of a process of their own. Writes: safetensors, model folders.
Does not: unpickle here, know prompts.
"""

from __future__ import annotations

from imprint.weights.applying import AppliedNetworks, LoadedNetwork, Strengths, attach
from imprint.weights.blends import Blend, members, read_blend
from imprint.weights.embeddings import Embeddings, LoadedEmbedding, read_embedding, read_embeddings, save_embedding
from imprint.weights.export import EXPORTERS, export_method
from imprint.weights.hypernetworks import LoadedHypernetwork, read_hypernetwork
from imprint.weights.lora_reading import LoadedLora, read_lora
from imprint.weights.opening import open_network
from imprint.weights.pickles import as_safetensors
from imprint.weights.shelf import FoundNetwork, NetworkFile, Shelf
from imprint.weights.state_files import load_state, save_state

__all__ = [
    # what Imprint learnt
    "EXPORTERS", "export_method", "load_state", "save_state",
    # networks of any tool
    "LoadedLora", "read_lora", "LoadedHypernetwork", "read_hypernetwork", "open_network",
    "Embeddings", "LoadedEmbedding", "read_embedding", "read_embeddings", "save_embedding",
    "as_safetensors",
    # where they are
    "FoundNetwork", "NetworkFile", "Shelf", "Blend", "members", "read_blend",
    # on a base
    "AppliedNetworks", "LoadedNetwork", "Strengths", "attach",
]  # fmt: skip
