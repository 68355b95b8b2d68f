"""Pictures made better after they were drawn: upscalers.

Reads: pictures, models. Writes: pictures. Does not: know prompts, seeds or records.
"""
