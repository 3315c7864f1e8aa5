"""What each route answers, in the words of its provider."""
