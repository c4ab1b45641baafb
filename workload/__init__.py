"""The only program in the image: it is let in by the owner's condition, and gives the operator answers."""
