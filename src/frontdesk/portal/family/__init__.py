"""For whom somebody books, and acting for them."""
