"""The older name under which StackStorm packs import their base class."""
