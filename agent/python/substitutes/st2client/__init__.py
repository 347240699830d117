"""The part of StackStorm's `st2client` that packs use most: keys of the datastore."""
