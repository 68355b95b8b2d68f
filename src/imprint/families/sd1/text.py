"""CLIP's text encoder, read at any layer and with vectors put in place of tokens.

Reads: tokens. Writes: hidden states. Does not: know prompts, weights of words or files.

Shapes: B batch, N tokens, D width.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, cast

from torch import Tensor, nn

from imprint.errors import ConfigError
from imprint.families.family import TextWindow

if TYPE_CHECKING:
    from transformers.models.clip.tokenization_clip import CLIPTokenizer


def window_of(tokenizer: CLIPTokenizer, positions: int) -> TextWindow:
    """The layout of a call of at most `positions` tokens, as the tokenizer's configuration fills it."""
    known = cast("Any", tokenizer)
    content = min(int(known.model_max_length), positions) - 2
    return TextWindow(int(known.bos_token_id), int(known.eos_token_id), int(known.pad_token_id), content)


def token_ids(tokenizer: CLIPTokenizer, text: str) -> list[int]:
    """Tokens of a text of any length, with nothing before, after or cut.

    Characters that are no text (unpaired surrogates) count as U+FFFD.
    """
    clean = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    # verbose: no warning about texts that are longer than a window; they are cut into several elsewhere.
    encoded = cast("Callable[..., Mapping[str, list[int]]]", tokenizer)(
        clean, add_special_tokens=False, truncation=False, padding=False, verbose=False
    )
    return list(encoded["input_ids"])


def hidden_states(
    encoder: nn.Module, tokens_BN: Tensor, clip_skip: int, inserted: Mapping[tuple[int, int], Tensor],
    seen_BN: Tensor | None,
) -> Tensor:
    """Hidden states (B, N, D) of the `clip_skip`-th layer from the end, after the final layer norm.

    The encoder itself applies that norm to its last layer only; models trained on an earlier one (NovelAI's and its
    heirs: the second from the end) had it applied to that as well.

    Raises: ConfigError: if there is no such layer, or an inserted vector has another width.
    """
    model = cast("Any", encoder)
    layers = int(model.config.num_hidden_layers)
    if not 1 <= clip_skip <= layers:
        what = "this text encoder has no such layer"
        raise ConfigError(what, where="clip_skip", got=clip_skip, allowed=f"1..{layers}")
    with _inserted(encoder, inserted):
        if clip_skip == 1:
            return cast("Tensor", model(input_ids=tokens_BN, attention_mask=seen_BN)[0])
        output = model(input_ids=tokens_BN, attention_mask=seen_BN, output_hidden_states=True)
        states: tuple[Tensor, ...] = output.hidden_states
    return cast("Tensor", _find(encoder, "final_layer_norm")(states[-clip_skip]))


@contextmanager
def _inserted(encoder: nn.Module, vectors: Mapping[tuple[int, int], Tensor]) -> Generator[None]:
    """The token table gives other vectors at some places inside."""
    if not vectors:
        yield
        return
    table = _find(encoder, "token_embedding")
    width = int(cast("Any", table).embedding_dim)
    for vector_D in vectors.values():
        if vector_D.shape != (width,):
            raise ConfigError(
                "an embedding does not fit this text encoder",
                got=f"width {tuple(vector_D.shape)}", allowed=f"({width},)",
                hint="embeddings belong to one family of models; use one that was made for this base",
            )  # fmt: skip

    def replace(_module: nn.Module, _given: object, found_BND: Tensor) -> Tensor:
        replaced = found_BND.clone()
        for (row, place), vector_D in vectors.items():
            replaced[row, place] = vector_D.to(found_BND)
        return replaced

    hook = table.register_forward_hook(replace)
    try:
        yield
    finally:
        hook.remove()


def _find(encoder: nn.Module, name: str) -> nn.Module:
    """A submodule by the end of its name: transformers moved them in 5.0."""
    modules = cast("Iterable[tuple[str, nn.Module]]", encoder.named_modules())
    return next(module for path, module in modules if path.rpartition(".")[2] == name)
