"""The screener: pairs of texts, and what a verdict depends on."""
