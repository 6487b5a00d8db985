"""What a conversation is: flows as content, one small engine to run them; pure."""
