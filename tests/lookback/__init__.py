"""The look back: numbers, words, and the way out and back in."""
