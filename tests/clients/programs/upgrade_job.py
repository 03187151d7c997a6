"""Run the task `submit` of a DAG's file again and again, as Airflow's workers do, each time with another version.

    upgrade_job.py DAG_FILE OUTPUT HOST [BEFORE [ACTION]]

In each round the process that upgrades is killed right after the first answer of the host that no earlier one died of
(the second answer to a kind of request is another than the first; a request sent again and again counts once), then
another one finishes. Prints a JSON line for each round: which answer it died of, empty once it lived, and what the
finishing one returned. BEFORE: done before each round: `submit` starts the job, all else is an action of HDInsight on
AKS on the one that runs. ACTION: of the runs in the rounds, which replace no version then.
"""

import importlib.util
import json
import os
import re
import sys
from functools import partial
from types import SimpleNamespace

import requests

KILLED, TRIES = 9, 200
file, output, host, before, action = (*sys.argv[1:], "", "")[:5]
spec = importlib.util.spec_from_file_location("upgraded", file)
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
send = requests.Session.send


def child(work):
    """Run in a process of its own. Returns its exit status and what it printed."""
    reading, writing = os.pipe()
    pid = os.fork()
    if not pid:
        os.close(reading)
        with os.fdopen(writing, "w") as said:
            try:
                work(said)
            except BaseException as error:  # noqa: BLE001  # whatever it is, the parent is to know
                said.write(json.dumps({"error": f"{type(error).__name__}: {error}"}))
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as said:
        text = said.read()
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), text


def submit(said, **conf):
    """The task, with a context as Airflow gives it."""
    dag, run = SimpleNamespace(dag_id=module.dag.dag_id), SimpleNamespace(conf=conf)
    context = {"dag": dag, "run_id": f"run-{len(known)}", "params": module.PARAMS, "dag_run": run, "ti": None}
    for _ in range(TRIES):  # Airflow tries a task again for Transient, such as where there is no checkpoint yet
        try:
            return said.write(json.dumps(module.submit(**context)))
        except module.Transient as busy:
            last = busy
    raise last


def prepared(said):
    """What is done before a round."""
    if before == "submit":
        return submit(said)
    headers = {"Authorization": "Bearer " + module.sign_in()}
    if module.find_job(module.PARAMS, module.NAME, headers):
        module.run_action(module.PARAMS, headers, {"jobName": module.NAME, "action": before})
    return None


def dying(said):
    """The task of a run in a round, until the host has given an answer that is not known."""
    answers = []

    def sending(session, request, **options):
        answer = send(session, request, **options)
        what = f"{request.method} {re.sub(r'[0-9a-f-]{32,}', 'ID', request.path_url)}"
        if host in request.url and what not in answers[-1:]:  # how often it asks whether something is done varies
            answers.append(what)
            died = f"{what} ({answers.count(what)})"
            if died not in known:
                said.write(json.dumps({"died": died}))
                said.flush()
                os._exit(KILLED)
        return answer

    requests.Session.send = sending
    tried(said)


tried = partial(submit, **({"action": action} if action else {}))  # the task of a run in a round
known, status = set(), KILLED
while status == KILLED:
    module.ARGS = f"--output {output} --pause {2 if action else len(known) + 2}"
    if before:
        code, text = child(prepared)
        assert (code, "error" in text) == (0, False), text
    status, text = child(dying)
    died = json.loads(text).get("died", "") if status == KILLED else ""
    print(json.dumps({"died": died, "finished": json.loads(child(tried)[1])}), flush=True)
    known.add(died)
