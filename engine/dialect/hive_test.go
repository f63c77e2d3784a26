package dialect

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// columnsDDL are the columns of a table over CloudTrail logs, in short.
const columnsDDL = `eventversion STRING,
	useridentity STRUCT<type: STRING, principalid: STRING, arn: STRING, sessioncontext: STRUCT<attributes: STRUCT<mfaauthenticated: STRING, creationdate: STRING>,
	webidfederationdata: STRUCT<federatedprovider: STRING, attributes: map<string,string>>>>,
	eventtime STRING COMMENT 'when', eventsource STRING, eventname STRING, awsregion STRING, sourceipaddress STRING,
	requestparameters STRING, resources ARRAY<STRUCT<arn: STRING, accountid: STRING, type: STRING>>, readonly STRING`

const jsonSerDe = "ROW FORMAT SERDE 'org.apache.hive.hcatalog.data.JsonSerDe'\nSTORED AS INPUTFORMAT 'com.amazon.emr.cloudtrail.CloudTrailInputFormat'\nOUTPUTFORMAT 'org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat'\n"

func TestCreateTable(t *testing.T) {
	tests := []struct {
		name, sql string
		query     string // over the registered table
		want      string
	}{
		{"manual partitions", "CREATE EXTERNAL TABLE cloudtrail_logs (" + columnsDDL + ") PARTITIONED BY (region string, year string, month string, day string) " + jsonSerDe + "LOCATION 's3://b/AWSLogs/1/'",
			"select eventname from cloudtrail_logs where year = '2024' and region = 'x'",
			`select eventname from cloudtrail_logs where substr(cloudtrail_logs.date, 1, 4) = '2024' and region = 'x'`},
		{"projection by day", "CREATE EXTERNAL TABLE logs_pp(" + columnsDDL + ") PARTITIONED BY (`timestamp` string) " + jsonSerDe + `LOCATION 's3://b/AWSLogs/1/CloudTrail/x'
			TBLPROPERTIES ('projection.enabled'='true', 'projection.timestamp.type'='date', 'projection.timestamp.format'='yyyy/MM/dd', 'projection.timestamp.range'='2020/01/01,NOW')`,
			`select eventname from logs_pp where "timestamp" >= '2024/01/01'`,
			`select eventname from cloudtrail_logs AS logs_pp where replace(logs_pp.date, '-', '/') >= '2024/01/01'`},
		{"organisation", "create external table if not exists `db.org_events` (" + columnsDDL + ") partitioned by (account string, region string, year string, month string, day string) " + jsonSerDe + "location 's3://b/AWSLogs/o-1/'",
			"select account from org_events", `select org_events.recipientaccountid AS account from cloudtrail_logs AS org_events`},
		{"a name that holds the whole day", "CREATE EXTERNAL TABLE lg (" + columnsDDL + ") PARTITIONED BY (`day` string) " + jsonSerDe + "LOCATION 's3://b/' TBLPROPERTIES ('projection.day.type'='date', 'projection.day.format'='yyyy/MM/dd')",
			"select count(*) n from lg where day >= '2025/06/01'", `select count(*) n from cloudtrail_logs AS lg where replace(lg.date, '-', '/') >= '2025/06/01'`},
		{"the old SerDe, no partitions", "CREATE EXTERNAL TABLE trail_2018 (" + strings.Replace(columnsDDL, "principalid", "principalId", 1) + ") ROW FORMAT SERDE 'com.amazon.emr.hive.serde.CloudTrailSerde' STORED AS INPUTFORMAT 'a' OUTPUTFORMAT 'b' LOCATION 's3://b/'",
			"select eventname from trail_2018", "select eventname from cloudtrail_logs AS trail_2018"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s, err := Translate(tt.sql, Options{})
			if err != nil {
				t.Fatal(err)
			}
			if s.Kind != CreateTable || s.Table == nil || len(s.Table.Unknown) > 0 || len(s.Table.Columns) != 10 {
				t.Fatalf("got %+v", s.Table)
			}
			relations := relationSet{s.Table.Name: s.Table.Relation(standardRelations()[DefaultTable])}
			q, err := Translate(tt.query, Options{Relations: relations})
			if err != nil {
				t.Fatal(err)
			}
			if q.SQL != tt.want {
				t.Errorf("got  %s\nwant %s", q.SQL, tt.want)
			}
		})
	}
}

func TestCreateTableUnknownColumns(t *testing.T) {
	s, err := Translate("CREATE EXTERNAL TABLE t ("+columnsDDL+", color string, vpcendpointid string) LOCATION 's3://b/'", Options{})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"color"}, s.Table.Unknown); diff != "" {
		t.Error(diff)
	}
	if s.Location != "s3://b/" {
		t.Errorf("got location %q", s.Location)
	}
}

func TestCreateTableRefused(t *testing.T) {
	tests := []struct{ name, sql, want string }{
		{"another kind of logs", "CREATE EXTERNAL TABLE elb (a string, b int, c string, d string, e string, f string) LOCATION 's3://b/'",
			`line 1:23: table "elb" is not one of CloudTrail logs (only tables with CloudTrail's columns can be registered)`},
		{"hours", "CREATE EXTERNAL TABLE x (" + columnsDDL + ") PARTITIONED BY (h string) LOCATION 's3://b/' TBLPROPERTIES ('projection.h.type'='date', 'projection.h.format'='yyyy/MM/dd/HH')",
			`line 1:23: the format "yyyy/MM/dd/HH" of partition "h" is not supported`},
		{"a partition of something else", "CREATE EXTERNAL TABLE x (" + columnsDDL + ") PARTITIONED BY (team string) LOCATION 's3://b/'",
			`line 1:23: partition column "team" says neither day, region nor account`},
		{"broken columns", "CREATE EXTERNAL TABLE x (a string b string)", `line 1:35: syntax error at "b" (expected ))`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Translate(tt.sql, Options{})
			var e *Error
			if !errors.As(err, &e) || e.Error() != tt.want {
				t.Errorf("got  %v\nwant %s", err, tt.want)
			}
		})
	}
}
