"""Print what a DAG's file finds in its folder of states, as JSON: list_states.py DAG_FILE."""

import importlib.util
import json
import sys

spec = importlib.util.spec_from_file_location("upgraded", sys.argv[1])
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
print("FOUND " + json.dumps([state for _, _, state in sorted(module.complete_states())]))
