"""What a base knows: a probe of a phrase, and words that mean nothing to it.

    from imprint import ProbeRecipe, TokenRecipe, probe, suggest_tokens
    print(probe(ProbeRecipe(phrase="corgi", class_word="dog")).phrase.knowledge.verdict)
    print([token.text for token in suggest_tokens(TokenRecipe(class_word="man")).proposed])

Reads: a base, a judge. Writes: nothing. Does not: train, or keep what it draws.
"""

from imprint.jobs.probe.probing import Measured, ProbeResult, Witness, probe
from imprint.jobs.probe.recipe import MeasureSettings, ProbeRecipe, TokenRecipe
from imprint.jobs.probe.suggesting import Funnel, TokenFigures, TokenResult, suggest_tokens

__all__ = [
    "Funnel", "MeasureSettings", "Measured", "ProbeRecipe", "ProbeResult", "TokenFigures", "TokenRecipe",
    "TokenResult", "Witness", "probe", "suggest_tokens",
]  # fmt: skip
