package clustersql

import (
	"fmt"
	"strings"
	"time"

	"github.com/trailql/trailql/convert/cloudtrail"
)

// Options of Script. All are required, but for what is an engine's own.
type Options struct {
	// Tables is the schema of the warehouse's tables in the engine, quoted where it
	// has to be: iceberg.default.
	Tables string
	// Archive is the schema of the table over the archive: hive.default.
	Archive string
	// Location is the URI of the folder of one account, without a slash at its end.
	Location string
	Regions  []string // folders below CloudTrail
	Athena   bool     // else Trino
	Staging  string   // Athena: URI of an empty folder, without a slash at its end
	Except   []string // objects that are not read, as the engine's "$path" has them
	// Days of delivery, UTC, from the first to the last.
	First, Last time.Time
}

// Names of what the script makes.
const (
	FilesTable  = "cloudtrail_files"       // over the archive: a row for each line
	RecordsView = "cloudtrail_records"     // the records of these lines
	WindowTable = "cloudtrail_window"      // the records of one day
	AddedView   = "cloudtrail_new_records" // those of them that the table has not
	TakenView   = "cloudtrail_new_objects" // the day's objects, as the ledger has them
)

// Script is the whole of it: the table over the archive, views, and the statements
// of each day.
func Script(o Options) string {
	statements := append(o.files(), o.records(), o.window(), o.added(), o.taken())
	for day := o.First; !day.After(o.Last); day = day.AddDate(0, 0, 1) {
		statements = append(statements,
			fmt.Sprintf("-- %s\nDELETE FROM %s", day.Format(time.DateOnly), o.name(WindowTable)),
			// From here on all statements see the same objects, whatever is delivered meanwhile.
			fmt.Sprintf("INSERT INTO %s SELECT * FROM %s WHERE day = '%s'", o.name(WindowTable), o.name(RecordsView), day.Format("2006/01/02")),
			fmt.Sprintf("INSERT INTO %s (%s, %s) SELECT *, %s FROM %s", o.logs(), strings.Join(columnNames(), ", "), cloudtrail.TimestampColumn, timestamp("eventtime"), o.name(AddedView)),
			fmt.Sprintf("INSERT INTO %s (%s, delivered, firsteventtime, lasteventtime, convertedat)\nSELECT %[2]s, %s, %s, %s, %s FROM %s", o.ledger(), ledgerColumns,
				timestamp("delivered"), timestamp("firsteventtime"), timestamp("lasteventtime"), timestamp("to_iso8601(current_timestamp)"), o.name(TakenView)))
	}
	return strings.Join(append(statements, "DROP TABLE "+o.name(WindowTable)), ";\n\n") + ";\n"
}

// columnNames are those that the views have: all but the event time as a timestamp.
// Views of Athena have no timestamps with a zone, so texts become those where they
// are inserted.
func columnNames() []string {
	var names []string
	for _, c := range cloudtrail.Columns() {
		if c.Name != cloudtrail.TimestampColumn {
			names = append(names, c.Name)
		}
	}
	return names
}

func timestamp(iso string) string {
	return fmt.Sprintf("CAST(from_iso8601_timestamp(%s) AS timestamp(6) with time zone)", iso)
}

// name is that of something that the script makes: the views stand with the table
// over the archive.
func (o Options) name(made string) string {
	if made == WindowTable {
		return o.Tables + "." + made
	}
	return o.Archive + "." + made
}

// logs and ledger are the names of the warehouse's tables.
func (o Options) logs() string   { return o.Tables + ".cloudtrail_logs" }
func (o Options) ledger() string { return o.Tables + ".source_files" }

// files is the table over the archive: a line for each object, by region and day of
// delivery. An engine reads only the folders that a query names.
func (o Options) files() []string {
	location := o.Location + "/CloudTrail"
	if o.Athena {
		return []string{fmt.Sprintf(`CREATE EXTERNAL TABLE IF NOT EXISTS %s (line string)
PARTITIONED BY (region string, day string)
ROW FORMAT DELIMITED FIELDS TERMINATED BY '\001'
LOCATION %s
TBLPROPERTIES (
  'projection.enabled'='true',
  'projection.region.type'='enum',
  'projection.region.values'=%s,
  'projection.day.type'='date',
  'projection.day.format'='yyyy/MM/dd',
  'projection.day.range'='2013/11/01,NOW',
  'projection.day.interval'='1',
  'projection.day.interval.unit'='DAYS',
  'storage.location.template'=%s)`,
			o.name(FilesTable), text(location+"/"), text(strings.Join(o.Regions, ",")), text(location+"/${region}/${day}"))}
	}
	return []string{"DROP TABLE IF EXISTS " + o.name(FilesTable), fmt.Sprintf(`CREATE TABLE %s (
  line varchar,
  region varchar WITH (partition_projection_type = 'enum', partition_projection_values = ARRAY[%s]),
  day varchar WITH (partition_projection_type = 'date', partition_projection_format = 'yyyy/MM/dd',
    partition_projection_range = ARRAY['2013/11/01', 'NOW'], partition_projection_interval = 1, partition_projection_interval_unit = 'DAYS'))
WITH (format = 'TEXTFILE', textfile_field_separator = U&'\0001', external_location = %s, partitioned_by = ARRAY['region', 'day'],
  partition_projection_enabled = true, partition_projection_location_template = %s)`,
		o.name(FilesTable), texts(o.Regions), text(location+"/"), text(location+"/${region}/${day}"))}
}

// records parses the lines of objects that the ledger has not.
func (o Options) records() string {
	except := ""
	if len(o.Except) > 0 {
		except = fmt.Sprintf("\n  AND \"$path\" NOT IN (%s)", texts(o.Except))
	}
	return fmt.Sprintf("CREATE OR REPLACE VIEW %s AS\n%s", o.name(RecordsView), parse(fmt.Sprintf(`SELECT "$path" AS path, "$file_size" AS size, day, line
FROM %s
WHERE "$path" LIKE '%%.json.gz' AND %s NOT IN (SELECT object FROM %s)%s
`, o.name(FilesTable), objectName(`"$path"`), o.ledger(), except)))
}

// window is the table of one day's records.
func (o Options) window() string {
	with := ""
	if o.Athena {
		with = "WITH (table_type = 'ICEBERG', is_external = false, location = " + text(o.Staging+"/") + ") "
	}
	return fmt.Sprintf("CREATE TABLE IF NOT EXISTS %s %sAS SELECT * FROM %s WITH NO DATA", o.name(WindowTable), with, o.name(RecordsView))
}

// wholeObjects are those that can be taken: one line, of which each record is plain.
const wholeObjects = `GROUP BY sourceobject HAVING bool_and(plain) AND count(*) = greatest(max(records), 1)`

// key is what equal records have in common and others hardly: their id, or where
// they stand, if they have none.
func key(row string) string {
	return fmt.Sprintf("coalesce(nullif(%[1]s.eventid, ''), concat('#', CAST(%[1]s.sourceindex AS varchar), ' ', %[1]s.sourceobject))", row)
}

// identity is equal for records that are equal as JSON, and only for those.
func identity(row string) string {
	var values, json []string
	for _, c := range cloudtrail.Columns() {
		switch {
		case c.Kind == cloudtrail.JSON:
			json = append(json, row+"."+c.Name)
		case c.Key != "":
			values = append(values, row+"."+c.Name)
		}
	}
	return fmt.Sprintf("sha256(to_utf8(json_format(CAST(ROW(%s,\n      transform(ARRAY[%s], j -> %s)) AS JSON))))", strings.Join(values, ", "), strings.Join(json, ", "), canonical("j"))
}

// added are the records of the window that the table has not.
func (o Options) added() string {
	return fmt.Sprintf(`CREATE OR REPLACE VIEW %[2]s AS
SELECT
  %[3]s
FROM (
  SELECT *, row_number() OVER (PARTITION BY key, identity ORDER BY sourceobject, sourceindex) AS copy
  FROM (
    SELECT *, IF(count(*) OVER (PARTITION BY key) > 1, %[4]s) AS identity
    FROM (
      SELECT *, %[5]s AS key FROM %[6]s w
      WHERE sourceindex IS NOT NULL AND sourceobject IN (SELECT sourceobject FROM %[6]s %[7]s)) w) w) n
WHERE copy = 1 AND NOT EXISTS (
  SELECT 1 FROM %[1]s t
  WHERE t.region = n.region AND t.date = n.date AND %[8]s = n.key
    AND %[9]s IS NOT DISTINCT FROM %[10]s)`,
		o.logs(), o.name(AddedView), "n."+strings.Join(columnNames(), ", n."), identity("w"), key("w"), o.name(WindowTable), wholeObjects, key("t"), identity("t"), identity("n"))
}

const ledgerColumns = "object, size, etag, sha256, kind, account, region, category, jsonbytes, records, rejected, batch"

// taken are the window's objects as rows of the ledger, with times as texts. Their
// hashes are not known here and neither is what tells that an object was replaced,
// so they are empty.
func (o Options) taken() string {
	return fmt.Sprintf(`CREATE OR REPLACE VIEW %[1]s AS
SELECT sourceobject AS object, max(size) AS size, '' AS etag, '' AS sha256, 'log' AS kind,
  coalesce(regexp_extract(sourceobject, '/(\d{9,12})/CloudTrail/', 1), '') AS account,
  coalesce(regexp_extract(sourceobject, '/CloudTrail/([a-z]+(?:-[a-z0-9]+)+)/', 1), '') AS region,
  '%[2]s' AS category, max(jsonbytes) AS jsonbytes, max(records) AS records, 0 AS rejected, 'cluster ' || max(day) AS batch,
  to_iso8601(TRY(date_parse(regexp_extract(sourceobject, '[-_](\d{8}T\d{4})[^/]*$', 1), '%%Y%%m%%dT%%H%%i'))) || 'Z' AS delivered,
  min(eventtime) AS firsteventtime, max(eventtime) AS lasteventtime
FROM %[3]s w
WHERE sourceobject NOT IN (SELECT object FROM %[4]s)
%[5]s`, o.name(TakenView), cloudtrail.CategoryEvents, o.name(WindowTable), o.ledger(), wholeObjects)
}
