"""Loads pretty printers from gdb's own installation, and from nowhere else.

gdb would load them by itself, but only while it also looks for scripts that the program brings: in a section
of its files (.debug_gdb_scripts), whose safe path is compared with a name that the program chooses.
"""

import glob
import os
import re
import sys

import gdb

loaded = False


def load_printers():
    """Printers for the containers of libstdc++, where they are installed. To be called before values are printed."""
    global loaded
    if loaded:
        return
    loaded = True
    folder = os.path.join(gdb.PYTHONDIR, "..", "auto-load")
    for script in sorted(glob.glob(f"{folder}/**/libstdc++.so*-gdb.py", recursive=True)):
        try:
            with open(script, encoding="utf-8") as file:
                place = re.search(r"^pythondir = '(/[^']+)'", file.read(65536), re.MULTILINE)
            if place is None or not os.path.isdir(place[1]):
                continue
            sys.path.insert(0, os.path.normpath(place[1]))
            from libstdcxx.v6 import register_libstdcxx_printers

            register_libstdcxx_printers(None)
            return
        except Exception as error:  # Without them values are printed as they are.
            print(f"{script}: {error}")
