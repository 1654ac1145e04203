"""What runs on the board itself: the stdlib of Python 3.7 or newer and nothing of archsearch."""
