"""How fast this bot is beside others, measured in one run and in the same way."""
