"""Conversations: what an author may write and what a person may answer."""
