"""Best of n: draw several pictures, score them, draw the broken ones again, keep the best.

Reads: a recipe's table `best`. Writes: the kept pictures and a manifest of all. Does not: sample; `generate` does.

Nothing is imported here: the recipe of `generate` holds `best_of.recipe`, which the other modules need in turn.
"""
