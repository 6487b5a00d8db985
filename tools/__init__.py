"""Tools that are run by hand, none of which the bot needs."""
