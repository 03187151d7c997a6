"""Run the task `submit` of a DAG file once, as a try of the same run, and print what it returns.

submit_job.py FILE [CONFIGURATION_OF_THE_RUN]
"""

import importlib.util
import json
import sys
from types import SimpleNamespace

spec = importlib.util.spec_from_file_location("submitted", sys.argv[1])
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
dag = SimpleNamespace(dag_id=module.dag.dag_id)
run = SimpleNamespace(conf=json.loads(sys.argv[2]) if sys.argv[2:] else {})
found = module.submit(dag=dag, run_id="manual", params=module.PARAMS, dag_run=run, ti=SimpleNamespace())
print("FOUND " + json.dumps(found))
