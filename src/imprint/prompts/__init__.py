"""The language of prompts: emphasis, edits over the steps, composition, networks, chunks, styles and wildcards.

Reads: text. Writes: what is to be encoded at which step. Does not: encode it, or find files of networks.

In the order in which a prompt passes them:

- `read_styles`, `chosen`, `apply_styles`: texts around the prompt;
- `Wildcards`, `expand`, `expand_all`: variants `{a|b}`, wildcards `__name__` and variables `${v}` become plain text;
- `read_prompt(text, ReadSettings(steps=20)) -> Prompt`: its `parts` (those between ANDs, each with its weight) have a
  `schedule` whose entries hold text, weighted text and networks; `schedule.at(call)` is the entry of one model call;
- `chunks_of(entry.weighted, ClipTokens(tokenizer), embeddings) -> list[Chunk]`: what the text encoder reads.

`explain_prompt` does all of it for people and programs; `escape` writes any text so that it means itself. The language
is described in docs/guides/prompts.md, with all in which it differs from AUTOMATIC1111's;
`ReadSettings(compat="a1111")` keeps its quirks.
"""

from imprint.prompts.chunking import CHUNK_TOKENS, COMMA_BACKTRACK, Chunk, ClipTokens, Token, Tokenizer, chunks_of
from imprint.prompts.expansion import Expanded, expand, expand_all
from imprint.prompts.explaining import Explanation, Role, explain_expansion, explain_prompt
from imprint.prompts.lexing import escape
from imprint.prompts.plain import plain_text
from imprint.prompts.reading import Prompt, PromptPart, read_prompt
from imprint.prompts.remarks import Remark, RemarkKind
from imprint.prompts.scheduling import Entry, Schedule
from imprint.prompts.settings import Compat, ReadSettings
from imprint.prompts.styles import Style, apply_styles, chosen, read_styles
from imprint.prompts.syntax import (
    Alternation,
    Break,
    Comment,
    Dropped,
    Edit,
    Emphasis,
    Escape,
    Ignored,
    Network,
    Node,
    Text,
    When,
    children,
    walk,
)
from imprint.prompts.weighting import Weighted, weighted_parts
from imprint.prompts.wildcards import Wildcards

__all__ = [
    "read_prompt", "ReadSettings", "Compat", "Prompt", "PromptPart", "Schedule", "Entry", "Remark", "RemarkKind",
    "weighted_parts", "Weighted", "plain_text", "escape",
    "chunks_of", "Chunk", "Token", "Tokenizer", "ClipTokens", "CHUNK_TOKENS", "COMMA_BACKTRACK",
    "read_styles", "chosen", "apply_styles", "Style",
    "expand", "expand_all", "Expanded", "Wildcards",
    "explain_prompt", "explain_expansion", "Explanation", "Role",
    "Node", "Text", "Escape", "Break", "Comment", "Ignored", "Network", "Dropped", "Emphasis", "Edit", "Alternation",
    "When", "children", "walk",
]  # fmt: skip
