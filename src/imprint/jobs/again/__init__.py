"""A picture once more, from the record in its file.

Reads: a picture, bases, runs. Writes: a picture. Does not: train, or run other tools' graphs.
"""

from imprint.jobs.again.locating import Located, locate
from imprint.jobs.again.recipe import AgainRecipe
from imprint.jobs.again.running import AgainResult, again

__all__ = ["AgainRecipe", "AgainResult", "Located", "again", "locate"]
