# make help says what there is.

TAGS     := duckdb_arrow
LINT     := github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
DEMO     := .demo
BENCH    ?= .bench
FUZZTIME ?= 10s
VENV     := .venv
SPARK    := .spark
MOTO     := .moto
PYTHON   ?= python3
MOTOS    := moto==5.2.5 flask==3.1.2 flask-cors==6.0.1 pyparsing==3.3.3
SPARKS   := pyspark==4.0.1 duckdb==1.4.4 duckdb-ext-iceberg==1.4.4.20260205 duckdb-ext-avro==1.4.4.20260205
RUNTIME  := org.apache.iceberg:iceberg-spark-runtime-4.0_2.13:1.10.0
PGDRIVER := org.postgresql:postgresql:42.7.7
MVNCOPY  := mvn --batch-mode --quiet org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy
ICEBERG  := 'pyiceberg[pyarrow]==0.12.0' pyarrow==26.0.1
VERSION  ?= devel
# Tests that start processes, which share no memory.
PROCESSES := TestFourConverters|TestConvertersComeAndGo|TestKill|TestTwoProcesses

S3SERVER := github.com/versity/versitygw/cmd/versitygw@v1.8.0
S3PORT   ?= 7070

.PHONY: help build demo demo-s3 quick test race pyiceberg integration lint fuzz bench golden ci clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: ## bin/trailql
	go build -tags $(TAGS) -trimpath -ldflags '-X main.version=$(VERSION)' -o bin/trailql ./cmd/trailql

demo: build ## convert the sample archive and query it
	rm -rf $(DEMO)
	bin/trailql convert --warehouse $(DEMO) testdata/sample
	bin/trailql query --warehouse $(DEMO) --format table \
	  "SELECT eventsource, count(*) AS events, count(errorcode) AS errors FROM cloudtrail_logs GROUP BY eventsource ORDER BY events DESC LIMIT 8"
	bin/trailql query --warehouse $(DEMO) --format table \
	  "SELECT eventtime, eventname, useridentity.type AS who, sourceipaddress FROM cloudtrail_logs WHERE errorcode = 'AccessDenied' ORDER BY eventtime LIMIT 8"
	bin/trailql query --warehouse $(DEMO) --format vertical --max-rows 1 \
	  "SELECT * WHERE eventsource='s3.amazonaws.com'"
	bin/trailql status --warehouse $(DEMO)

demo-s3: build bin/versitygw ## the same with an S3 server of its own: archive and warehouse in buckets
	rm -rf $(DEMO)
	mkdir -p $(DEMO)/buckets/demo-trail $(DEMO)/buckets/demo-lake
	@set -e; unset AWS_PROFILE AWS_SESSION_TOKEN; \
	export AWS_ACCESS_KEY_ID=demo AWS_SECRET_ACCESS_KEY=demodemo AWS_REGION=us-east-1 AWS_CONFIG_FILE=/dev/null AWS_SHARED_CREDENTIALS_FILE=/dev/null; \
	export AWS_ENDPOINT_URL_S3=http://127.0.0.1:$(S3PORT) XDG_CACHE_HOME=$(CURDIR)/$(DEMO)/cache; \
	bin/versitygw --port 127.0.0.1:$(S3PORT) --access demo --secret demodemo --quiet posix $(DEMO)/buckets >$(DEMO)/server.log & server=$$!; \
	trap 'kill $$server' EXIT; \
	curl --silent --retry 20 --retry-connrefused --retry-delay 1 --output /dev/null $$AWS_ENDPOINT_URL_S3; \
	echo "# upload testdata/sample to s3://demo-trail"; \
	(cd testdata/sample && find . -type f | while read -r file; do \
	  curl --silent --fail --header 'x-amz-content-sha256: UNSIGNED-PAYLOAD' --aws-sigv4 aws:amz:us-east-1:s3 --user demo:demodemo --upload-file "$$file" "$$AWS_ENDPOINT_URL_S3/demo-trail/$${file#./}"; done); \
	set -x; \
	bin/trailql policy --warehouse s3://demo-lake/trail s3://demo-trail/AWSLogs; \
	bin/trailql convert --warehouse s3://demo-lake/trail s3://demo-trail/AWSLogs; \
	bin/trailql convert --warehouse s3://demo-lake/trail s3://demo-trail/AWSLogs; \
	bin/trailql query --warehouse s3://demo-lake/trail --format table \
	  "SELECT eventsource, count(*) AS events, count(errorcode) AS errors FROM cloudtrail_logs GROUP BY eventsource ORDER BY events DESC LIMIT 8"; \
	bin/trailql status --warehouse s3://demo-lake/trail

bin/versitygw:
	GOBIN=$(CURDIR)/bin go install $(S3SERVER)

quick: ## short tests without the query engine, seconds
	CGO_ENABLED=0 go test -short ./...

test: ## all tests
	go test -tags $(TAGS) -timeout 30m ./...

race: ## the tests of what runs concurrently in one process, with the race detector
	go test -race -timeout 40m -skip '$(PROCESSES)' ./catalog/... ./convert/...

pyiceberg: $(VENV)/bin/pyiceberg ## pyiceberg reads our tables; installs it into .venv
	TRAILQL_TEST_PYTHON=$(CURDIR)/$(VENV)/bin/python go test -run Pyiceberg -v -count 1 ./catalog ./cmd/trailql

$(VENV)/bin/pyiceberg:
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/pip install --quiet --disable-pip-version-check $(ICEBERG)

integration: ## the same SQL on a real Trino, shared catalogs, our tables in Spark and DuckDB; skips what cannot be had here
	@$(MAKE) --no-print-directory $(SPARK)/jars > /dev/null 2>&1 || { rm -rf $(SPARK); echo "skipped: Spark and DuckDB, because pip or mvn cannot fetch them here"; }
	TRAILQL_TEST_SPARK=$(CURDIR)/$(SPARK) go test -tags $(TAGS) -count 1 -timeout 30m -run 'IntegrationDDLFor(Spark|DuckDB)' ./cmd/trailql
	@$(MAKE) --no-print-directory $(MOTO)/bin/moto_server > /dev/null 2>&1 || { rm -rf $(MOTO); echo "skipped: moto, because pip cannot fetch it here"; }
	TRAILQL_TEST_MOTO=$(CURDIR)/$(MOTO)/bin/moto_server TRAILQL_TEST_SPARK=$(CURDIR)/$(SPARK) go run ./cmd/integration go test -tags $(TAGS) -p 1 -count 1 -timeout 40m -run Integration -skip 'DDLFor(Spark|DuckDB)' ./catalog/shared/... ./engine/trino ./cmd/trailql

$(SPARK)/jars:
	$(PYTHON) -m venv $(SPARK)
	$(SPARK)/bin/pip install --quiet --disable-pip-version-check $(SPARKS)
	$(MVNCOPY) -Dartifact=$(RUNTIME) -DoutputDirectory=$(CURDIR)/$(SPARK)/jars
	$(MVNCOPY) -Dartifact=$(PGDRIVER) -DoutputDirectory=$(CURDIR)/$(SPARK)/jars

$(MOTO)/bin/moto_server:
	$(PYTHON) -m venv $(MOTO)
	$(MOTO)/bin/pip install --quiet --disable-pip-version-check $(MOTOS)

lint: ## gofmt, go vet, golangci-lint
	@unformatted=$$(gofmt -l .); test -z "$$unformatted" || { echo "gofmt -w $$unformatted"; exit 1; }
	go vet -tags $(TAGS) ./...
	go run $(LINT) run

fuzz: ## every fuzz target for FUZZTIME
	@grep -rEo --include='*_test.go' '^func Fuzz[A-Za-z0-9_]+' . | while IFS=: read -r file target; do \
	  echo "$$(dirname $$file) $${target#func }"; \
	  go test -tags $(TAGS) -run '^$$' -fuzz "^$${target#func }\$$" -fuzztime $(FUZZTIME) "$$(dirname $$file)" || exit 1; \
	done

bench: build ## conversion and queries against gzip -dc and DuckDB, see docs/benchmarks.md
	go run -tags $(TAGS) ./cmd/bench -dir $(BENCH) -trailql bin/trailql
	go run -tags $(TAGS) ./cmd/bench -dir $(BENCH) -trailql bin/trailql -queries

golden: ## rewrite golden files; look at the diff
	@for package in $$(grep -rl --include='*_test.go' 'flag.Bool("update"' . | xargs -r -n1 dirname | sort -u); do \
	  go test -tags $(TAGS) "$$package" -update || exit 1; \
	done

ci: lint test race ## what has to pass before a merge

clean: ## what make has made
	rm -rf bin $(DEMO) $(BENCH) $(VENV) $(SPARK) $(MOTO)
