"""What missing labels cost: experiments on faces whose every label is known."""

from aulib.experiments._tables import holm, in_words, known_against_truth, paired, summary, verdicts

__all__ = ["holm", "in_words", "known_against_truth", "paired", "summary", "verdicts"]
