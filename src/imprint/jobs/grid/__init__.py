"""Grids of pictures: any fields of a picture's recipe varied along three axes, prompt matrices, prompts from a file.

    from imprint import Axis, GenerateRecipe, GridRecipe, grid
    picture = GenerateRecipe(prompt="a photo of a fox in the snow")
    result = grid(GridRecipe(generate=picture, x=Axis(field="steps", values="5-25 [5]"), out="grids/steps"))

Reads: bases, results of runs, a file of prompts. Writes: a folder with every cell, a manifest and labelled sheets; the
same call again draws what is missing or changed. Does not: keep pictures in memory.
"""

from imprint.jobs.grid.recipe import Axis, GridRecipe, Matrix, Sheet
from imprint.jobs.grid.running import GridCell, GridResult, grid

__all__ = ["Axis", "GridCell", "GridRecipe", "GridResult", "Matrix", "Sheet", "grid"]
