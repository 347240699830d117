"""The parts of StackStorm's `st2common` that actions and sensors of packs import."""
