"""The stories: each reads from top to bottom, takes ports in and gives values out."""
