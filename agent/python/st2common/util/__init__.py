"""Small functions of StackStorm's that packs import."""
