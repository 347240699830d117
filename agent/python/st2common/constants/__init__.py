"""Names that StackStorm's parts share."""
