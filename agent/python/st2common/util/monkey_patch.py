"""Nothing is patched: actions and sensors run in processes of their own."""

__all__ = ["monkey_patch"]


def monkey_patch(patch_thread=None):
    """Nothing to do."""
