"""The only room that imports ``telegram``: updates in, outbox out, keyboards."""
