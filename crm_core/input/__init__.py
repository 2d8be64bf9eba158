"""Input: plain values become checked values, and all problems of all fields are reported at once."""
