//go:build cgo && duckdb_arrow

package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/parquet-go/parquet-go"
)

// TestSecurityLake: AWS's OCSF files are a table of their own, also under the
// names of Security Lake.
func TestSecurityLake(t *testing.T) {
	const files = "../../../shared/data/records/aws-ocsf-validation"
	if _, err := os.Stat(files); err != nil {
		t.Skip("no files of Security Lake:", err)
	}
	warehouse := filepath.Join(t.TempDir(), "warehouse")
	command := func(want int, args ...string) string {
		var out, problems bytes.Buffer
		a := &app{stdin: strings.NewReader(""), stdout: &out, stderr: &problems, now: time.Now}
		if code := run(t.Context(), append(args, "--warehouse", warehouse), a); code != want {
			t.Fatalf("%q: exit code %d: %s", args, code, problems.String())
		}
		return out.String() + problems.String()
	}
	command(exitOK, "convert", "-q", files+"/account_change")
	if got := command(exitFailed, "query", "SELECT resources FROM security_lake"); !strings.Contains(got, "resources") {
		t.Error(got) // Account Change has none
	}
	// Classes differ in their columns, and in the members of these.
	command(exitOK, "convert", "-q", files)
	const glue = `"amazon_security_lake_glue_db_us_east_1"."amazon_security_lake_table_us_east_1_cloud_trail_mgmt_2_0"`
	for _, c := range []struct {
		sql  string
		want string
		args []string
	}{
		{sql: "SELECT class_uid, count(*) FROM security_lake GROUP BY 1 ORDER BY 1", want: "3001,7\n3002,7\n3005,7\n"},
		{sql: "SELECT count(*) FROM " + glue, want: "21\n"},
		{sql: "SELECT api.operation, actor.user.name, src_endpoint.ip FROM " + glue + " WHERE eventDay BETWEEN '20160714' AND '20160714' AND api.operation = 'UpdateTrail'", want: "UpdateTrail,Alice,205.251.233.182\n"},
		{sql: "SELECT unmapped['requestParameters.name'], region, accountid, sourceindex FROM security_lake WHERE api.operation = 'UpdateTrail'", want: "myTrail2,us-east-2,123456789012,0\n"},
		{sql: "SELECT DISTINCT metadata.profiles[1] FROM security_lake WHERE metadata.uid = 'b7d4398e-b2f0-4faa-9c76-e2d316a8d67f'", want: "cloud\n"},
		{sql: "SELECT count(*) FROM security_lake", args: []string{"--from", "2016-07-14", "--to", "2016-07-15"}, want: "2\n"},
		{sql: "SELECT count(DISTINCT sourcehash) FROM security_lake", want: "21\n"},
		{sql: "SELECT kind, count(*), sum(records) FROM source_files WHERE object LIKE '%.parquet' GROUP BY 1", want: "ocsf,21,21\n"},
	} {
		if got := command(exitOK, append([]string{"query", "--no-header", c.sql}, c.args...)...); got != c.want {
			t.Errorf("%s\n got %q\nwant %q", c.sql, got, c.want)
		}
	}
}

// TestSecurityLakeVersions: files of two versions of OCSF differ in members of
// structs, of lists of structs, and in how large their integers are.
func TestSecurityLakeVersions(t *testing.T) {
	type older struct {
		Class    int32 `parquet:"class_uid"`
		Time     int64 `parquet:"time"`
		Metadata struct {
			UID string `parquet:"uid"`
		} `parquet:"metadata"`
		Resources []struct {
			UID     string `parquet:"uid"`
			Account string `parquet:"account_uid"`
		} `parquet:"resources,list"`
		Severity int32 `parquet:"severity_id"`
	}
	type newer struct {
		Class    int64     `parquet:"class_uid"`
		Time     int64     `parquet:"time"`
		TimeDT   time.Time `parquet:"time_dt,timestamp(microsecond)"`
		Severity int64     `parquet:"severity_id"`
		Metadata struct {
			Version string `parquet:"version"`
			UID     string `parquet:"uid"`
		} `parquet:"metadata"`
		Resources []struct {
			Owner struct {
				Account struct {
					UID string `parquet:"uid"`
				} `parquet:"account"`
			} `parquet:"owner"`
			UID string `parquet:"uid"`
		} `parquet:"resources,list"`
	}
	dir := t.TempDir()
	at := time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)
	o := older{Class: 3002, Time: at.UnixMilli(), Severity: 1}
	o.Metadata.UID = "o"
	o.Resources = append(o.Resources, struct {
		UID     string `parquet:"uid"`
		Account string `parquet:"account_uid"`
	}{"r", "1"})
	n := newer{Class: 6003, Time: at.UnixMilli(), TimeDT: at, Severity: 1 << 40}
	n.Metadata.UID, n.Metadata.Version = "n", "1.1.0"
	n.Resources = make([]struct {
		Owner struct {
			Account struct {
				UID string `parquet:"uid"`
			} `parquet:"account"`
		} `parquet:"owner"`
		UID string `parquet:"uid"`
	}, 1)
	n.Resources[0].UID, n.Resources[0].Owner.Account.UID = "s", "2"
	for name, err := range map[string]error{
		"a": parquet.WriteFile(filepath.Join(dir, "a.parquet"), []older{o}),
		"b": parquet.WriteFile(filepath.Join(dir, "b.parquet"), []newer{n}),
	} {
		if err != nil {
			t.Fatal(name, err)
		}
	}
	warehouse := filepath.Join(dir, "warehouse")
	command := func(args ...string) string {
		var out, problems bytes.Buffer
		a := &app{stdin: strings.NewReader(""), stdout: &out, stderr: &problems, now: time.Now}
		if code := run(t.Context(), append(args, "--warehouse", warehouse), a); code != exitOK {
			t.Fatalf("%q: exit code %d: %s", args, code, problems.String())
		}
		return out.String()
	}
	for _, name := range []string{"a.parquet", "b.parquet"} {
		command("convert", "-q", filepath.Join(dir, name))
	}
	for sql, want := range map[string]string{
		"SELECT metadata.uid, metadata.version, severity_id, time_dt, resources[1].uid, resources[1].account_uid, resources[1].owner.account.uid FROM security_lake ORDER BY class_uid": "o,,1,,r,1,\nn,1.1.0,1099511627776,2026-03-04T12:00:00Z,s,,2\n",
		"SELECT eventday, region, accountid, count(*) FROM security_lake GROUP BY 1, 2, 3":                                                                                              "20260304,unknown,unknown,2\n",
		"SELECT metadata.uid FROM security_lake WHERE time_dt BETWEEN timestamp '2026-03-04 00:00:00 UTC' AND timestamp '2026-03-05 00:00:00 UTC'":                                      "n\n",
		"SELECT r.uid FROM security_lake CROSS JOIN UNNEST(resources) AS t(r) ORDER BY 1":                                                                                               "r\ns\n",
	} {
		if got := command("query", "--no-header", sql); got != want {
			t.Errorf("%s\n got %q\nwant %q", sql, got, want)
		}
	}
}
