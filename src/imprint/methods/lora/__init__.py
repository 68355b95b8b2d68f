"""LoRA: small matrices beside frozen weights. See card.md."""
