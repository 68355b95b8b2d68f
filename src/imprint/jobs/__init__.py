"""What a user asks for as a whole: from a recipe to files.

Reads: recipes, photos, bases, runs. Writes: folders. Does not: know flags, or compute what a stage computes.
"""
