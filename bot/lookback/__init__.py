"""Entries become numbers, numbers become words; and all of it goes out and comes back in."""
