"""A part of a check that ends as it is told to."""

import importlib
import os
import subprocess
import time

from training.gpu_check.process import Note, Skipped


def measure(note: Note, ending: str) -> None:
    note({"first": 1})
    note({"second": 2})
    print("said by the part", flush=True)
    if ending == "hang":
        time.sleep(600)
    elif ending == "crash":
        child = subprocess.Popen(["sleep", "600"])
        note({"child": child.pid})
        os.abort()
    elif ending == "raise":
        raise ValueError("of two\nlines")
    elif ending == "lack a package":
        importlib.import_module("no_such_package")
    elif ending == "skip":
        raise Skipped("this machine is too old")
