package main

import (
	"fmt"
	"strings"

	"github.com/trailql/trailql/engine/dialect"
)

// rawDDL is what is known of an archive.
type rawDDL struct {
	location        string // without a slash at its end
	catalog, schema string
}

// files are all log files below the location.
func (d rawDDL) files() string { return strings.TrimPrefix(d.location, "file://") + "/**/*.json.gz" }

// recordKeys are the members of a record that have columns of their names in
// lower case.
const recordKeys = `eventVersion userIdentity eventTime eventSource eventName awsRegion sourceIPAddress userAgent errorCode errorMessage
	requestParameters responseElements additionalEventData requestID eventID resources eventType apiVersion readOnly recipientAccountId
	serviceEventDetails sharedEventID vpcEndpointId vpcEndpointAccountId eventCategory addendum sessionCredentialFromConsole
	edgeDeviceDetails tlsDetails`

// columns writes one for each member of a record, with what each sort of column
// takes.
func recordColumns(text, json func(key, column string) string) string {
	var lines []string
	kinds := map[string]dialect.TypeKind{}
	for _, c := range documentedColumns() {
		kinds[c.Name] = c.Type.Kind
	}
	for key := range strings.FieldsSeq(recordKeys) {
		column := strings.ToLower(key)
		if kinds[column] == dialect.Text {
			lines = append(lines, "  "+text(key, column))
		} else {
			lines = append(lines, "  "+json(key, column))
		}
	}
	return strings.Join(lines, ",\n")
}

// hiveColumn is a type in Hive's words.
func hiveColumn(t dialect.Type) string {
	switch t.Kind {
	case dialect.Struct:
		var members []string
		for _, m := range t.Fields {
			members = append(members, m.Name+":"+hiveColumn(m.Type))
		}
		return "struct<" + strings.Join(members, ",") + ">"
	case dialect.List:
		return "array<" + hiveColumn(*t.Elem) + ">"
	case dialect.Map:
		return "map<" + hiveColumn(*t.Key) + "," + hiveColumn(*t.Elem) + ">"
	}
	return "string"
}

// athenaRaw is the table that AWS documents, by day and region.
func athenaRaw(d rawDDL) string {
	var columns []string
	for _, c := range documentedColumns() {
		columns = append(columns, "  `"+c.Name+"` "+hiveColumn(c.Type))
	}
	return fmt.Sprintf(`-- Athena. The location is the folder of one account: …/AWSLogs/ACCOUNT or …/AWSLogs/ORGANISATION/ACCOUNT.
CREATE EXTERNAL TABLE cloudtrail_raw (
%s)
PARTITIONED BY (`+"`region` string, `timestamp` string"+`)
ROW FORMAT SERDE 'org.apache.hive.hcatalog.data.JsonSerDe'
STORED AS INPUTFORMAT 'com.amazon.emr.cloudtrail.CloudTrailInputFormat'
OUTPUTFORMAT 'org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat'
LOCATION %s
TBLPROPERTIES (
  'projection.enabled'='true',
  'projection.region.type'='injected',
  'projection.timestamp.type'='date',
  'projection.timestamp.format'='yyyy/MM/dd',
  'projection.timestamp.interval'='1',
  'projection.timestamp.interval.unit'='DAYS',
  'projection.timestamp.range'='2013/11/01,NOW',
  'storage.location.template'=%s);
-- Every query names its regions: WHERE region IN ('us-east-1', …) AND "timestamp" >= '2026/01/01'
`, strings.Join(columns, ",\n"), sqlText(d.location+"/CloudTrail/"), sqlText(d.location+"/CloudTrail/${region}/${timestamp}"))
}

// trinoRaw reads a file as a line: CloudTrail writes no others.
func trinoRaw(d rawDDL) string {
	table := sqlName(d.catalog) + "." + sqlName(d.schema) + ".cloudtrail_files"
	value := func(function string) func(key, column string) string {
		return func(key, column string) string { return function + "(record, '$." + key + "') AS " + column }
	}
	return fmt.Sprintf(`-- Trino, a catalog of its Hive connector. Its properties need hive.recursive-directories=true and
-- hive.text.max-line-length=1GB: a file is one line.
CREATE SCHEMA IF NOT EXISTS %s.%s;
CREATE TABLE %s (line varchar) WITH (format = 'TEXTFILE', textfile_field_separator = U&'\0001', external_location = %s);
CREATE OR REPLACE VIEW %s.%s.cloudtrail_raw AS SELECT
%s,
  "$path" AS sourceobject
FROM %s CROSS JOIN UNNEST(CAST(json_extract(line, '$.Records') AS array(json))) AS t(record);
`, sqlName(d.catalog), sqlName(d.schema), table, sqlText(d.location+"/"), sqlName(d.catalog), sqlName(d.schema),
		recordColumns(value("json_extract_scalar"), value("json_extract")), table)
}

func sparkRaw(d rawDDL) string {
	value := func(key, column string) string { return "record." + key + " AS " + column }
	var members []string
	recordColumns(func(key, _ string) string { members = append(members, key+" STRING"); return "" },
		func(key, _ string) string { members = append(members, key+" STRING"); return "" })
	return fmt.Sprintf(`-- Spark. Members that are objects are JSON text: from_json and get_json_object read them.
CREATE OR REPLACE TEMPORARY VIEW cloudtrail_files (Records ARRAY<STRUCT<%s>>)
USING json OPTIONS (path %s, recursiveFileLookup 'true', pathGlobFilter '*.json.gz');
CREATE OR REPLACE TEMPORARY VIEW cloudtrail_raw AS SELECT
%s
FROM cloudtrail_files LATERAL VIEW explode(Records) AS record;
`, strings.ReplaceAll(strings.Join(members, ", "), " STRING", ": STRING"), sqlText(d.location), recordColumns(value, value))
}

func duckdbRaw(d rawDDL) string {
	value := func(operator string) func(key, column string) string {
		return func(key, column string) string { return "record " + operator + " '$." + key + "' AS " + column }
	}
	return fmt.Sprintf(`-- DuckDB.
CREATE OR REPLACE VIEW cloudtrail_raw AS SELECT
%s,
  filename AS sourceobject
FROM (SELECT unnest("Records") AS record, filename
  FROM read_json(%s, columns = {'Records': 'JSON[]'}, format = 'unstructured', records = true, filename = true, maximum_object_size = 134217728));
`, recordColumns(value("->>"), value("->")), sqlText(d.files()))
}

func clickhouseRaw(d rawDDL) string {
	source := "file(" + sqlText(d.files()) + ", 'JSONAsString')"
	if strings.HasPrefix(d.location, "s3://") {
		source = "s3(" + sqlText(d.files()) + ", 'JSONAsString')"
	}
	text := func(key, column string) string { return "JSONExtractString(record, " + sqlText(key) + ") AS " + column }
	json := func(key, column string) string { return "JSONExtractRaw(record, " + sqlText(key) + ") AS " + column }
	return fmt.Sprintf(`-- ClickHouse.
CREATE OR REPLACE VIEW cloudtrail_raw AS SELECT
%s,
  _path AS sourceobject
FROM %s ARRAY JOIN JSONExtractArrayRaw(json, 'Records') AS record;
`, recordColumns(text, json), source)
}

func snowflakeRaw(d rawDDL) string {
	value := func(kind string) func(key, column string) string {
		return func(key, column string) string { return "r.value:" + key + "::" + kind + " AS " + column }
	}
	return fmt.Sprintf(`-- Snowflake: put in the integration that may read the bucket.
CREATE STAGE IF NOT EXISTS cloudtrail_archive URL = %s STORAGE_INTEGRATION = INTEGRATION FILE_FORMAT = (TYPE = JSON COMPRESSION = GZIP);
CREATE OR REPLACE VIEW cloudtrail_raw AS SELECT
%s,
  metadata$filename AS sourceobject
FROM @cloudtrail_archive (PATTERN => '.*[.]json[.]gz') s, LATERAL FLATTEN(INPUT => s.$1:Records) r;
`, sqlText(d.location+"/"), recordColumns(value("string"), value("variant")))
}
