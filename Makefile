# What people and CI run. Each target prepares what it needs: .venv, locked packages, the local Azure.
#
#   ENV=dev     a name under environments/ or a path to a YAML file   (default: local)
#   ENV='a b'   several, or a glob such as 'dev-*': doctor, output, plan, provision, rotate, status, validate, verify
#   ARGS=--all  every one under environments/, likewise
#   YES=1       do not ask for confirmation
#   ARGS='…'    more options, as in: make plan ARGS=--json

.DEFAULT_GOAL := help
MAKEFLAGS += --no-builtin-rules --no-print-directory
unexport PYTHONDONTWRITEBYTECODE # with it a command takes twice as long to start

BUILD_JAR = .venv/bin/python templates/jobs/wordcount/build.py $(FLINK_JARS)
ENV ?= local
ENVIRONMENTS = $(if $(filter --all,$(ARGS)),,$(ENV:%='%'))
FLINK_JARS = $(or $(lastword $(sort $(wildcard .local/flink-1.*/pyflink/lib))),$(error there are no jars of Flink; make local-runtimes gets them))
LOCK = .venv/bin/uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-header --no-annotate \
  $(if $(UPGRADE),--upgrade)
PROVISIONER = .venv/bin/python -m provisioner
TEST = .venv/bin/python -m pytest -n $(TEST_WORKERS) --dist loadfile --no-loadscope-reorder --ignore=tests/clients $(ARGS)
TEST_WORKERS = $$((2 * $$(getconf _NPROCESSORS_ONLN))) # tests wait for a local Azure half of the time
YES_OPTION = $(if $(filter 1 yes true,$(YES)),--yes)

bench: .venv/dev.stamp ## measure the speed that the project promises, and write docs/performance.md
	.venv/bin/python -m tests.bench $(ARGS)

bench-peers: .venv/dev.stamp ## install az, and measure the tool beside it
	.venv/bin/python -m tests.clients.environment az
	.venv/bin/python -m tests.bench peers $(ARGS)

bootstrap: .venv/runtime.stamp ## print the az lines that make an identity for CI; FOR='--github OWNER/REPO', --azure-devops or --service-principal
	@$(PROVISIONER) bootstrap $(ENV) $(or $(FOR),$(error FOR says who signs in, as in FOR='--github OWNER/REPO')) $(ARGS)

browser: ## install Debian's Chromium, for the test of Airflow's and Flink's pages; as root
	@command -v chromium >/dev/null || { apt-get update -qq && apt-get install -qq --no-install-recommends chromium >/dev/null; }

check: .venv/dev.stamp ## lint, format, types, import rules
	.venv/bin/ruff check
	.venv/bin/ruff format --check
	.venv/bin/lint-imports
	.venv/bin/basedpyright

clients: .venv/dev.stamp ## run az, SDKs, data lake clients and three versions of Airflow against the local Azure
	.venv/bin/python -m pytest -n $(TEST_WORKERS) --dist worksteal tests/clients $(ARGS)

doctor: .venv/runtime.stamp ## check permissions and preconditions for provisioning ENV; print the fix
	@$(PROVISIONER) doctor $(ENVIRONMENTS) $(ARGS)

format: .venv/dev.stamp ## format the code and fix what the linter can
	.venv/bin/ruff check --fix
	.venv/bin/ruff format

goldens: .venv/dev.stamp ## rewrite tests/goldens (output and calls of every command) and the rights in docs/access.md; review the diff
	.venv/bin/python -m tests.goldens --write

graph: .venv/runtime.stamp ## draw the resources of ENV as a Mermaid flowchart
	@$(PROVISIONER) graph $(ENV) $(ARGS)

help: ## show this list
	@sed -n 's/^\([a-z-]*\):[^#]*## /\1\t/p' $(firstword $(MAKEFILE_LIST)) | \
	  while IFS='	' read -r target text; do printf '%-14s %s\n' "$$target" "$$text"; done

init: .venv/runtime.stamp ## write environments/NAME.yaml after a few questions; ARGS='--cloud local' asks nothing
	@$(PROVISIONER) init $(NAME) $(ARGS)

jar: .venv/runtime.stamp ## compile the jars: example jobs, local Flink's launcher, a test job; needs javac and make local-runtimes once
	$(BUILD_JAR)
	$(BUILD_JAR) templates/jobs/runningtotal provisioner.RunningTotal
	$(BUILD_JAR) localazure/runtimes/flink/launcher provisioner.Cluster
	$(BUILD_JAR) tests/localazure/runtimes/jobs/endless provisioner.Endless

job: .venv/runtime.stamp ## show, cancel or save what runs of JOB in ENV; ACTION=status, cancel or savepoint
	@$(PROVISIONER) job $(ENV) $(or $(JOB),$(error JOB names no job)) $(or $(ACTION),status) $(ARGS)

local-down: .venv/runtime.stamp ## stop the local Azure; its resources stay
	@$(PROVISIONER) local down $(ARGS)

local-env: .venv/runtime.stamp ## print the environment variables that point a program at the local Azure
	@$(PROVISIONER) local env $(ARGS)

local-reset: .venv/runtime.stamp ## delete everything in the local Azure
	@$(PROVISIONER) local reset $(YES_OPTION) $(ARGS)

local-runtimes: .venv/runtime.stamp ## install and start a real Airflow and Flink behind the local Azure
	@$(PROVISIONER) local runtimes up $(ARGS)

local-status: .venv/runtime.stamp ## show whether the local Azure and its Airflow and Flink run, their addresses, and what they contain
	@$(PROVISIONER) local status $(ARGS)

local-up: .venv/runtime.stamp ## start the local Azure
	@$(PROVISIONER) local up $(ARGS)

lock: .venv/dev.stamp ## regenerate the lock files from pyproject.toml; UPGRADE=1 takes the newest versions
	$(LOCK) pyproject.toml --extra local -o requirements/runtime.txt
	$(LOCK) pyproject.toml --extra local --group dev -c requirements/runtime.txt -o requirements/dev.txt
	$(LOCK) --group build -c requirements/dev.txt -o requirements/build.txt
	$(LOCK) --group installer -o requirements/installer.txt
	$(LOCK) --no-deps --group flink -o localazure/runtimes/flink/flink.lock
	$(LOCK) --no-deps --group flink-2 -o localazure/runtimes/flink/flink-2.lock
	$(LOCK) --no-deps --group java -o localazure/runtimes/flink/java.lock
	$(LOCK) --group airflow-2-6 -o localazure/runtimes/airflow/airflow-2-6.lock
	$(LOCK) --group airflow-2-10 -o localazure/runtimes/airflow/airflow-2-10.lock
	$(LOCK) --group airflow-3 -o localazure/runtimes/airflow/airflow-3.lock
	$(LOCK) --group airflow-3-bundle -o localazure/runtimes/airflow/airflow-3-bundle.lock
	$(LOCK) --group async-sdks -o tests/clients/async-sdks.lock
	$(LOCK) --group az -o tests/clients/az.lock
	$(LOCK) --group browser -o tests/clients/browser.lock
	$(LOCK) --group graph-clients -o tests/clients/graph-clients.lock
	$(LOCK) --group lake-clients -o tests/clients/lake-clients.lock

matrix: .venv/dev.stamp ## live through an environment's whole life with each pair of targets, a real Airflow and a real Flink
	.venv/bin/python -m pytest tests/end_to_end/matrix.py $(ARGS)

migrate: .venv/runtime.stamp ## move the environment OLD to the file NEW: hand its work over, remove what only OLD declares
	@$(PROVISIONER) migrate $(or $(OLD),$(error OLD names no file)) $(or $(NEW),$(error NEW names no file)) $(YES_OPTION) $(ARGS)

output: .venv/runtime.stamp ## print ids, URLs and names of the resources of ENV
	@$(PROVISIONER) output $(ENVIRONMENTS) $(ARGS)

plan: .venv/runtime.stamp ## show what provision would change in ENV, and why
	@$(PROVISIONER) plan $(ENVIRONMENTS) $(ARGS)

provision: .venv/runtime.stamp ## create what is missing in ENV, fix drift, leave the rest alone
	@$(PROVISIONER) provision $(ENVIRONMENTS) $(YES_OPTION) $(ARGS)

reliability: .venv/dev.stamp ## make runs fail in every way and count what the next run could not finish; ARGS=kills runs one part
	.venv/bin/python -m tests.reliability $(ARGS)

render: .venv/runtime.stamp ## print ENV's Airflow settings and DAG as they would be deployed
	@$(PROVISIONER) render $(ENV) $(ARGS)

rotate: .venv/runtime.stamp ## rotate the credentials of ENV that are due, without downtime
	@$(PROVISIONER) rotate $(ENVIRONMENTS) $(YES_OPTION) $(ARGS)

run: .venv/runtime.stamp ## trigger the DAG of ENV's JOB and follow it: tasks, the Flink job, where its result is
	@$(PROVISIONER) run $(ENV) $(JOB) $(ARGS)

schedule: .venv/runtime.stamp ## print the files that run ENV's rotation; KIND=cron, systemd, github-actions, azure-pipelines or airflow
	@$(PROVISIONER) schedule $(ENV) --kind $(or $(KIND),$(error KIND says which scheduler: KIND=cron, systemd, github-actions, azure-pipelines or airflow)) $(ARGS)

schema: .venv/runtime.stamp ## print the JSON Schema of the environment file, for editors
	@$(PROVISIONER) schema $(ARGS)

status: .venv/runtime.stamp ## show what exists in ENV, what drifted, and each credential's age and expiry
	@$(PROVISIONER) status $(ENVIRONMENTS) $(ARGS)

teardown: .venv/runtime.stamp ## delete exactly what provision created in ENV
	@$(PROVISIONER) teardown $(ENV) $(YES_OPTION) $(ARGS)

test: .venv/dev.stamp ## run every test except those of `clients`; fail unless branches of the core packages are covered
	$(TEST) -m core --cov
	$(TEST) -m 'not core'

validate: .venv/runtime.stamp ## check ENV's file and report every mistake, offline
	@$(PROVISIONER) validate $(ENVIRONMENTS) $(ARGS)

verify: .venv/runtime.stamp ## check each step from Airflow to the job's jar in ENV without running a job
	@$(PROVISIONER) verify $(ENVIRONMENTS) $(ARGS)

.venv/dev.stamp: requirements/dev.txt requirements/build.txt requirements/sync.py .venv/python.stamp
	@.venv/bin/python requirements/sync.py --exact $<
	@touch .venv/runtime.stamp $@

.venv/python.stamp:
	@for python in python3.11 python3.12 python3.13 python3.14 python3; do \
	  $$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || continue; \
	  $$python -c 'import ensurepip, venv' 2>/dev/null || { lacks=$$python; continue; }; \
	  $$python -m venv .venv && touch $@ && exit 0; \
	done; \
	if [ "$$lacks" ]; then echo "$$lacks cannot make environments. On Debian: apt install python3-venv" >&2; \
	else echo "Python 3.11 or newer is needed. On Debian: apt install python3 python3-venv" >&2; fi; exit 1

.venv/runtime.stamp: requirements/runtime.txt requirements/build.txt requirements/sync.py .venv/python.stamp
	@.venv/bin/python requirements/sync.py $<
	@touch $@

.PHONY: bench bench-peers bootstrap browser check clients doctor format goldens graph help init jar job local-down local-env local-reset \
  local-runtimes local-status local-up lock matrix migrate output plan provision reliability render rotate run schedule schema \
  status teardown test validate verify
