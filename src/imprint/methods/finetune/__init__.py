"""Fine-tuning: the base's own weights train. See card.md."""
