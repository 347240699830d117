"""`Action` under its older name; published packs use both."""

from st2common.runners.base_action import Action

__all__ = ["Action"]
