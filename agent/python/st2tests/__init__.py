"""What the tests of StackStorm packs import (st2 docs, Pack Testing)."""
