"""What gdb on a terminal gets beside its settings: the printers of its own installation."""

import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from printers import load_printers

load_printers()
