"""The import names of StackStorm's reactor, as far as sensors of packs use them."""
