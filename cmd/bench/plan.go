package main

import (
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
)

// What a trail of so many bytes a day takes: measured once, on one machine, and
// multiplied. docs/scale.md has the table that this makes, and says which numbers
// are measured, which assumed, and which prices were found where.

// measuredCosts are what the commands in docs/scale.md have given.
type measuredCosts struct {
	jsonPerRecord    float64 // bytes; these three: -dir realistic
	gzipPerRecord    float64
	parquetPerRecord float64
	convertCPU       float64 // seconds per million records, in few large runs; -slices
	joinCPU          float64 // that many small runs take more, by one process at a time; likewise
	written          float64 // bytes of Parquet written for one that stays, likewise

	commitRequests  float64 // BenchmarkCommit/s3
	commitWrites    float64 // of them PUT
	commitBytes     float64 // of metadata, without snapshots
	snapshotBytes   float64 // that each snapshot not yet expired adds to a metadata file; BenchmarkCommitBehind
	metadataPerFile float64 // bytes of the newest snapshot; BenchmarkCommit
	planHeap        float64 // bytes for each file planned; BenchmarkPlanTable
	ledgerPerObject float64 // bytes of memory: convert.Ledger
	rowMemory       float64 // bytes for each row while files are joined: convert.rowMemory
	trinoCPU        float64 // seconds for a million rows; BenchmarkIntegrationScan
	batchRecords    float64 // after so many a batch is committed: convert.Options
	followEvery     float64 // seconds between two runs: follow.DefaultEvery
	retention       float64 // days that replaced files and snapshots stay: catalog.DefaultRetain
	queueBatch      float64 // messages received or deleted at once: convert/queue
}

var costs = measuredCosts{
	jsonPerRecord:    1354.3,
	gzipPerRecord:    154.6,
	parquetPerRecord: 114.2,
	convertCPU:       10.7,
	joinCPU:          24,
	written:          2.5,
	commitRequests:   30.2,
	commitWrites:     13,
	commitBytes:      185e3,
	snapshotBytes:    600,
	metadataPerFile:  162,
	planHeap:         400,
	ledgerPerObject:  16,
	rowMemory:        1 << 10,
	trinoCPU:         0.9,
	batchRecords:     4 << 20,
	followEvery:      300,
	retention:        1,
	queueBatch:       10,
}

// assumptions are what nobody can measure for others.
type assumptions struct {
	recordsPerObject float64
	dataEvents       float64 // share of the records that CloudTrail charges for when a trail delivers them
	regions          float64 // with events
	retentionDays    float64 // that everything is kept
	peak             float64 // the busiest hour over the mean
	busy             float64 // share of a processor that may be used in it
	converterMemory  float64 // bytes that a converter may use: --memory
	converterVCPU    float64
	filled           float64 // mean size of a file over the largest that joining makes

	// A warehouse has some of the accounts, and is followed by a new one after so
	// many days. Of one there should be at most:
	warehouseDays    float64
	warehouseCommits float64 // an hour
	warehouseFiles   float64
	warehouseLedger  float64 // bytes of memory in each converter

	queriesPerDay   float64 // each of them over …
	queryDays       float64 // … so many days
	columns         float64 // share of the Parquet bytes that it reads
	answerSeconds   float64 // in which Trino should have read that
	trinoWorkerVCPU float64
	trinoHours      float64 // a day that the cluster is up
}

var assumed = assumptions{
	recordsPerObject: 1000,
	dataEvents:       0.25,
	regions:          17,
	retentionDays:    365,
	peak:             2,
	busy:             0.7,
	converterMemory:  6 << 30,
	converterVCPU:    4,
	filled:           0.5,
	warehouseDays:    daysPerMonth,
	warehouseCommits: 120,
	warehouseFiles:   3e6,
	warehouseLedger:  4e9,
	queriesPerDay:    100,
	queryDays:        1,
	columns:          0.10,
	answerSeconds:    60,
	trinoWorkerVCPU:  8,
	trinoHours:       10,
}

// prices are public list prices of us-east-1 in dollars; docs/scale.md says where
// they were found.
type prices struct {
	converterHour   float64 // m7i.xlarge: 4 vCPU, 16 GiB
	trinoHour       float64 // m7i.2xlarge: 8 vCPU, 32 GiB
	storageTiers    []tier  // S3 Standard, GB and month
	put, get        float64 // each
	sqs             float64 // each request
	athena          float64 // TB scanned
	lakeIngest      float64 // GB, with a year's retention
	lakeScan        float64 // GB
	trailDataEvents float64 // each, of a trail
}

type tier struct{ upTo, price float64 }

var listPrices = prices{
	converterHour:   0.2016,
	trinoHour:       0.4032,
	storageTiers:    []tier{{50e3, 0.023}, {500e3, 0.022}, {math.Inf(1), 0.021}},
	put:             0.005 / 1000,
	get:             0.0004 / 1000,
	sqs:             0.40 / 1e6,
	athena:          5,
	lakeIngest:      0.75,
	lakeScan:        0.005,
	trailDataEvents: 0.10 / 100e3,
}

const (
	daysPerMonth  = 30.4
	hoursPerMonth = 730
)

// plan is what one amount takes. Amounts are a day's unless a name says otherwise,
// bytes are of powers of ten.
type plan struct {
	json, gzip, parquet, records, objects float64

	convertVCPUHours float64
	converters       float64
	groups           float64 // of accounts, with a warehouse each
	commitsPerHour   float64 // all groups
	filesPerCommit   float64
	fileBytes        float64 // after joining
	files            float64 // after joining, a day
	filesKept        float64
	written          float64 // bytes of Parquet

	requestsPerSecond float64 // of commits, one warehouse
	metadataFile      float64 // bytes of a metadata file, of one warehouse
	metadataWritten   float64 // bytes, all groups
	metadataLive      float64 // bytes after the retention, all groups
	planAllHeap       float64 // bytes, one warehouse
	ledger            float64 // bytes of memory, one warehouse
	queryBytes        float64 // one query
	trinoWorkers      float64

	month map[string]float64 // dollars
}

func (m measuredCosts) plan(jsonBytes float64, a assumptions, price prices) plan {
	p := plan{json: jsonBytes, month: map[string]float64{}}
	p.records = jsonBytes / m.jsonPerRecord
	p.gzip, p.parquet = p.records*m.gzipPerRecord, p.records*m.parquetPerRecord
	p.objects = p.records / a.recordsPerObject

	p.convertVCPUHours = p.records / 1e6 * (m.convertCPU + m.joinCPU) / 3600
	p.converters = math.Ceil(p.convertVCPUHours / 24 * a.peak / a.busy / a.converterVCPU)
	p.commitsPerHour = max(p.converters*3600/m.followEvery, p.records/24/m.batchRecords)
	p.filesPerCommit = a.regions
	rows := a.filled * a.converterMemory / 3 / m.rowMemory
	p.fileBytes = rows * m.parquetPerRecord
	p.files = p.parquet / p.fileBytes
	p.filesKept = p.files * a.retentionDays
	p.written = p.parquet * m.written
	ledger := p.objects * a.warehouseDays * m.ledgerPerObject
	p.groups = math.Ceil(max(
		p.commitsPerHour/a.warehouseCommits,
		p.files*a.warehouseDays/a.warehouseFiles,
		ledger/a.warehouseLedger,
		p.records/1e6*m.joinCPU/(24*3600)/a.busy,
	))
	p.commitsPerHour = max(p.commitsPerHour, p.groups*3600/m.followEvery)
	p.converters = max(p.converters, p.groups)

	commits := p.commitsPerHour * 24
	each := commits / p.groups
	p.requestsPerSecond = each / 24 / 3600 * m.commitRequests
	p.metadataFile = each * m.retention * m.snapshotBytes
	// Two tables change with each commit, and each file is stored twice.
	p.metadataWritten = commits * (m.commitBytes + 4*p.metadataFile)
	p.metadataLive = p.filesKept * m.metadataPerFile
	p.planAllHeap = p.files * a.warehouseDays / p.groups * m.planHeap
	p.ledger = ledger / p.groups

	p.queryBytes = p.parquet * a.queryDays * a.columns
	trinoVCPU := p.records * a.queryDays / 1e6 * m.trinoCPU / a.answerSeconds
	p.trinoWorkers = max(1, math.Ceil(trinoVCPU/a.trinoWorkerVCPU))

	writes := commits*m.commitWrites + commits*p.filesPerCommit + p.files*m.written
	gets := p.objects + commits*(m.commitRequests-m.commitWrites) + a.queriesPerDay*p.files*a.queryDays*3
	month := func(perDay float64) float64 { return perDay * daysPerMonth }
	p.month["converters"] = p.converters * price.converterHour * hoursPerMonth
	p.month["requests"] = month(writes*price.put + gets*price.get + p.objects*(1+2/m.queueBatch)*price.sqs)
	p.month["parquet"] = price.storage(p.parquet*a.retentionDays + p.written*m.retention + p.metadataLive)
	p.month["raw"] = price.storage(p.gzip * a.retentionDays)
	p.month["trino"] = month((p.trinoWorkers + 1) * price.trinoHour * a.trinoHours)
	p.month["athena"] = month(a.queriesPerDay * p.queryBytes / 1e12 * price.athena)
	p.month["athenaraw"] = month(a.queriesPerDay * p.gzip * a.queryDays / 1e12 * price.athena)
	p.month["lake"] = month(p.json / 1e9 * price.lakeIngest)
	p.month["lakescan"] = month(a.queriesPerDay * p.queryBytes / 1e9 * price.lakeScan)
	p.month["trail"] = month(p.records * a.dataEvents * price.trailDataEvents)
	return p
}

// storage is a month's price of bytes in S3.
func (p prices) storage(bytes float64) (dollars float64) {
	gb, from := bytes/1e9, 0.0
	for _, t := range p.storageTiers {
		if gb > from {
			dollars += (min(gb, t.upTo) - from) * t.price
		}
		from = t.upTo
	}
	return dollars
}

func (p plan) sum(items ...string) (dollars float64) {
	for _, item := range items {
		dollars += p.month[item]
	}
	return dollars
}

// planRow is a line of the table.
type planRow struct {
	label string
	value func(p plan) string // nil for a heading
}

func planRows() []planRow {
	number := func(get func(p plan) float64) func(plan) string {
		return func(p plan) string { return inThousands(get(p)) }
	}
	size := func(get func(p plan) float64) func(plan) string {
		return func(p plan) string { return bytesText(get(p)) }
	}
	dollars := func(items ...string) func(plan) string {
		return func(p plan) string { return "$" + inThousands(p.sum(items...)) }
	}
	a := assumed
	return []planRow{
		{"**What comes in, a day**", nil},
		{"records", number(func(p plan) float64 { return p.records })},
		{"stored by CloudTrail, gzip", size(func(p plan) float64 { return p.gzip })},
		{fmt.Sprintf("objects, of %s records", inThousands(a.recordsPerObject)), number(func(p plan) float64 { return p.objects })},
		{"**Conversion**", nil},
		{"vCPU hours a day", number(func(p plan) float64 { return p.convertVCPUHours })},
		{fmt.Sprintf("converters of %.0f vCPU, `--memory %.0fGiB`", a.converterVCPU, a.converterMemory/(1<<30)), number(func(p plan) float64 { return p.converters })},
		{"commits an hour", number(func(p plan) float64 { return p.commitsPerHour })},
		{"Parquet that stays, a day", size(func(p plan) float64 { return p.parquet })},
		{"Parquet written, with joining, a day", size(func(p plan) float64 { return p.written })},
		{"size of a joined file", size(func(p plan) float64 { return p.fileBytes })},
		{"joined files a day", number(func(p plan) float64 { return p.files })},
		{fmt.Sprintf("… after %.0f days", a.retentionDays), number(func(p plan) float64 { return p.filesKept })},
		{"**Catalog**", nil},
		{"groups of accounts, with a new warehouse each month", number(func(p plan) float64 { return p.groups })},
		{"records in a warehouse after a month", number(func(p plan) float64 { return p.records * a.warehouseDays / p.groups })},
		{"files in it", number(func(p plan) float64 { return p.files * a.warehouseDays / p.groups })},
		{"requests a second for its commits", func(p plan) string { return fmt.Sprintf("%.1f", p.requestsPerSecond) }},
		{"its `metadata.json`", size(func(p plan) float64 { return p.metadataFile })},
		{"metadata written a day, of all", size(func(p plan) float64 { return p.metadataWritten })},
		{"manifests and indexes after the retention, of all", size(func(p plan) float64 { return p.metadataLive })},
		{"memory to plan all its files", size(func(p plan) float64 { return p.planAllHeap })},
		{"memory of its ledger, in each converter", size(func(p plan) float64 { return p.ledger })},
		{"**Queries**", nil},
		{fmt.Sprintf("bytes read by one, over %.0f day, %.0f %% of Parquet", a.queryDays, a.columns*100), size(func(p plan) float64 { return p.queryBytes })},
		{fmt.Sprintf("Trino workers of %.0f vCPU that read a day's rows in %.0f s", a.trinoWorkerVCPU, a.answerSeconds), number(func(p plan) float64 { return p.trinoWorkers })},
		{"**A month, in dollars**", nil},
		{"converters, all day", dollars("converters")},
		{"requests: S3, SQS", dollars("requests")},
		{fmt.Sprintf("S3: Parquet of %.0f days", a.retentionDays), dollars("parquet")},
		{fmt.Sprintf("S3: the raw archive of %.0f days", a.retentionDays), dollars("raw")},
		{fmt.Sprintf("the trail: data events, %.0f %% of all", a.dataEvents*100), dollars("trail")},
		{fmt.Sprintf("Trino, %.0f h a day", a.trinoHours), dollars("trino")},
		{fmt.Sprintf("or Athena on this table, %.0f queries a day", a.queriesPerDay), dollars("athena")},
		{"Athena on the raw archive, the same queries", dollars("athenaraw")},
		{"CloudTrail Lake: ingestion with a year's retention", dollars("lake")},
		{"CloudTrail Lake: the same queries", dollars("lakescan")},
		{"**trailql and Trino, with trail and raw archive**", dollars("converters", "requests", "parquet", "raw", "trail", "trino")},
		{"**trailql and Athena, with trail and raw archive**", dollars("converters", "requests", "parquet", "raw", "trail", "athena")},
		{"**Athena on the raw archive, with trail**", dollars("raw", "trail", "athenaraw")},
		{"**CloudTrail Lake**", dollars("lake", "lakescan")},
	}
}

// printPlans prints a Markdown table with a column for each amount, such as 1TB.
func printPlans(w io.Writer, amounts string) error {
	var plans []plan
	head, line := "| JSON a day", "|---"
	for _, amount := range strings.Split(amounts, ",") {
		n, err := parseAmount(amount)
		if err != nil {
			return err
		}
		plans = append(plans, costs.plan(n, assumed, listPrices))
		head += " | " + bytesText(n)
		line += "|--:"
	}
	text := head + " |\n" + line + "|\n"
	for _, row := range planRows() {
		text += "| " + row.label
		for _, p := range plans {
			text += " | "
			if row.value != nil {
				text += row.value(p)
			}
		}
		text += " |\n"
	}
	_, err := io.WriteString(w, text)
	return err
}

var units = []string{"B", "kB", "MB", "GB", "TB", "PB"}

// parseAmount reads a size such as 10TB, in powers of ten.
func parseAmount(text string) (bytes float64, err error) {
	text = strings.TrimSpace(text)
	digits := strings.TrimRight(text, "kMGTPB")
	n, err := strconv.ParseFloat(digits, 64)
	if err == nil && n > 0 && !math.IsInf(n, 0) {
		for i, unit := range units {
			if text[len(digits):] == unit {
				return n * math.Pow(1000, float64(i)), nil
			}
		}
	}
	return 0, fmt.Errorf("-plan: want amounts such as 1TB,10TB, have %q", text)
}

// bytesText is a size in two or three digits.
func bytesText(n float64) string {
	unit := 0
	for n >= 999.5 && unit < len(units)-1 {
		n, unit = n/1000, unit+1
	}
	return digits(n) + " " + units[unit]
}

// inThousands is a number in two or three digits that count, with commas.
func inThousands(n float64) string {
	if n < 999.5 {
		return digits(n)
	}
	step := math.Pow(10, math.Floor(math.Log10(n))-2)
	text := strconv.FormatFloat(math.Round(n/step)*step, 'f', 0, 64)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}

func digits(n float64) string {
	switch {
	case n >= 99.5 || n == math.Trunc(n):
		return fmt.Sprintf("%.0f", n)
	case n >= 9.95:
		return strings.TrimSuffix(fmt.Sprintf("%.1f", n), ".0")
	}
	return strings.TrimSuffix(fmt.Sprintf("%.2f", n), ".00")
}
