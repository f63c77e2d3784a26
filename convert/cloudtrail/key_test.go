package cloudtrail

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func utc(s string) time.Time {
	for _, layout := range []string{time.RFC3339, "2006-01-02"} {
		if t, err := time.Parse(layout, s); err == nil {
			return t
		}
	}
	panic("bad time in test: " + s)
}

func TestParseKey(t *testing.T) {
	tests := []struct {
		name, key string
		want      Key
	}{
		{
			name: "whole", key: "logs/prod/AWSLogs/123456789012/CloudTrail/us-east-1/2023/07/10/123456789012_CloudTrail_us-east-1_20230710T1145Z_7xgocspSowgK0Gto.json.gz",
			want: Key{Prefix: "logs/prod", Account: "123456789012", Category: CategoryEvents, Region: "us-east-1", Day: utc("2023-07-10"), Delivered: utc("2023-07-10T11:45:00Z")},
		},
		{
			name: "organisation, absolute path, GovCloud", key: "/srv/AWSLogs/o-exampleorgid/123456789012/CloudTrail/us-gov-west-1/2026/01/02/123456789012_CloudTrail_us-gov-west-1_20260102T0005Z_aaaaaaaaaaaaaaaa.json.gz",
			want: Key{Prefix: "srv", Organization: "o-exampleorgid", Account: "123456789012", Category: CategoryEvents, Region: "us-gov-west-1", Day: utc("2026-01-02"), Delivered: utc("2026-01-02T00:05:00Z")},
		},
		{
			name: "name without Z and unique part", key: "AWSLogs/o-abcd/811596193553/CloudTrail/us-east-1/2020/10/01/811596193553_CloudTrail_us-east-1-20201001T0003.json",
			want: Key{Organization: "o-abcd", Account: "811596193553", Category: CategoryEvents, Region: "us-east-1", Day: utc("2020-10-01"), Delivered: utc("2020-10-01T00:03:00Z")},
		},
		{
			name: "name without the second underscore, alone", key: "123456789012_CloudTrail_us-east-2_20140620T1255ZHdkvFTXOA3Vnhbc.json.gz",
			want: Key{Account: "123456789012", Category: CategoryEvents, Region: "us-east-2", Delivered: utc("2014-06-20T12:55:00Z")},
		},
		{
			name: "insights", key: "AWSLogs/123456789012/CloudTrail-Insight/eu-west-1/2026/03/04/123456789012_CloudTrail-Insight_eu-west-1_20260304T0010Z_aaaaaaaaaaaaaaaa.json.gz",
			want: Key{Account: "123456789012", Category: CategoryInsights, Region: "eu-west-1", Day: utc("2026-03-04"), Delivered: utc("2026-03-04T00:10:00Z")},
		},
		{
			name: "category of the path wins over the name's", key: "AWSLogs/123456789012/CloudTrail-NetworkActivity/eu-west-1/2026/03/04/123456789012_CloudTrail_eu-west-1_20260304T0010Z_a.json.gz",
			want: Key{Account: "123456789012", Category: CategoryNetworkActivity, Region: "eu-west-1", Day: utc("2026-03-04"), Delivered: utc("2026-03-04T00:10:00Z")},
		},
		{
			name: "aggregated, name unknown", key: "AWSLogs/123456789012/CloudTrail-Aggregated/eu-west-1/2026/03/04/whatever.json.gz",
			want: Key{Account: "123456789012", Category: CategoryAggregated, Region: "eu-west-1", Day: utc("2026-03-04")},
		},
		{
			name: "digest", key: "AWSLogs/123456789012/CloudTrail-Digest/us-east-1/2026/03/04/123456789012_CloudTrail-Digest_us-east-1_my_trail-2_us-east-2_20260304T001122Z.json.gz",
			want: Key{Account: "123456789012", Category: CategoryDigests, Region: "us-east-1", Day: utc("2026-03-04"), Delivered: utc("2026-03-04T00:11:22Z"), Trail: "my_trail-2", HomeRegion: "us-east-2"},
		},
		{
			name: "digest, backfill", key: "AWSLogs/123456789012/CloudTrail-Digest/us-east-1/2026/03/04/123456789012_CloudTrail-Digest_us-east-1_t_us-east-2_20260304T001122Z_backfill.json.gz",
			want: Key{Account: "123456789012", Category: CategoryDigests, Region: "us-east-1", Day: utc("2026-03-04"), Delivered: utc("2026-03-04T00:11:22Z"), Trail: "t", HomeRegion: "us-east-2", Backfill: true},
		},
		{
			name: "prefix with the words of the layout", key: "AWSLogs/CloudTrail/AWSLogs/123456789012/CloudTrail/us-east-1/2023/07/10/x.json",
			want: Key{Prefix: "AWSLogs/CloudTrail", Account: "123456789012", Category: CategoryEvents, Region: "us-east-1", Day: utc("2023-07-10")},
		},
		{
			name: "below the category", key: "2023/07/10/123456789012_CloudTrail_us-east-1_20230710T1145Z_7xgocspSowgK0Gto.json.gz",
			want: Key{Account: "123456789012", Category: CategoryEvents, Region: "us-east-1", Day: utc("2023-07-10"), Delivered: utc("2023-07-10T11:45:00Z")},
		},
		{
			name: "export of trailql", key: "AWSLogs/CloudTrail/us-east-1/2023/07/10/CloudTrail_us-east-1_20230710T2359Z_0001.json.gz",
			want: Key{Category: CategoryEvents, Region: "us-east-1", Day: utc("2023-07-10"), Delivered: utc("2023-07-10T23:59:00Z")},
		},
		{
			name: "digest of a trail named like a stamp", key: "123456789012_CloudTrail-Digest_us-east-1_a-20200101T0000Z_us-east-2_20260304T001122Z.json.gz",
			want: Key{Account: "123456789012", Category: CategoryDigests, Region: "us-east-1", Delivered: utc("2026-03-04T00:11:22Z"), Trail: "a-20200101T0000Z", HomeRegion: "us-east-2"},
		},
		{
			name: "account of nine digits, odd region", key: "123456789_CloudTrail_sagov-westsouth-1r_20260304T0011Z_aa.json.gz",
			want: Key{Account: "123456789", Category: CategoryEvents, Region: "sagov-westsouth-1r", Delivered: utc("2026-03-04T00:11:00Z")},
		},
		{
			name: "impossible dates", key: "AWSLogs/123456789012/CloudTrail/us-east-1/2023/13/45/123456789012_CloudTrail_us-east-1_20231345T9999Z_a.json",
			want: Key{Account: "123456789012", Category: CategoryEvents, Region: "us-east-1"},
		},
		{name: "category folder without a region", key: "CloudTrail/backup/x.json", want: Key{Category: CategoryEvents}},
		{name: "query results are no trail", key: "AWSLogs/123456789012/CloudTrail-Lake/Query/2026/03/04/id/result_1.csv.gz"},
		{name: "foreign", key: "notes/readme.txt"},
		{name: "empty", key: ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, ParseKey(tt.key)); diff != "" {
				t.Errorf("ParseKey(%q): -want +got\n%s", tt.key, diff)
			}
		})
	}
}

func TestMayHold(t *testing.T) {
	folder := Key{Day: utc("2023-07-10")}
	tests := []struct {
		name     string
		key      Key
		from, to time.Time
		want     bool
	}{
		{name: "open window", key: folder, want: true},
		{name: "same day", key: folder, from: utc("2023-07-10"), to: utc("2023-07-11"), want: true},
		{name: "delivered 30 days late", key: folder, from: utc("2023-06-10"), to: utc("2023-06-11"), want: true},
		{name: "later than CloudTrail tries", key: folder, from: utc("2023-06-01"), to: utc("2023-06-09"), want: false},
		{name: "end is exclusive", key: folder, to: utc("2023-06-09"), want: false},
		{name: "end just within", key: folder, to: utc("2023-06-09T00:00:01Z"), want: true},
		{name: "events of the next day", key: folder, from: utc("2023-07-11T23:00:00Z"), want: true},
		{name: "events two days later", key: folder, from: utc("2023-07-12T00:00:01Z"), want: false},
		{name: "events long after delivery", key: folder, from: utc("2024-01-01"), want: false},
		{name: "no date at all", key: Key{Account: "123456789012"}, from: utc("2024-01-01"), want: true},
		{name: "date from the name only", key: Key{Delivered: utc("2023-07-10T11:45:00Z")}, from: utc("2023-07-11T11:00:00Z"), want: true},
		{name: "date from the name only, outside", key: Key{Delivered: utc("2023-07-10T11:45:00Z")}, from: utc("2023-07-11T12:00:00Z"), want: false},
		{name: "name later than folder", key: Key{Day: utc("2023-07-10"), Delivered: utc("2023-09-01T00:00:00Z")}, from: utc("2023-08-31"), want: true},
		{name: "name earlier than folder", key: Key{Day: utc("2023-07-10"), Delivered: utc("2023-05-01T00:00:00Z")}, to: utc("2023-04-20"), want: true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := tt.key.MayHold(tt.from, tt.to); got != tt.want {
				t.Errorf("MayHold(%v, %v) = %v, want %v", tt.from, tt.to, got, tt.want)
			}
		})
	}
}

func TestParseKeyOfRealArchive(t *testing.T) {
	const root = "../../../shared/data/archive"
	if _, err := os.Stat(root); err != nil {
		t.Skip("no reference archive: ", err)
	}
	objects := 0
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		objects++
		k := ParseKey(filepath.ToSlash(name))
		if len(k.Account) != 12 || k.Category != CategoryEvents || k.Region == "" || k.Day.IsZero() || k.Delivered.IsZero() {
			t.Errorf("ParseKey(%q) = %+v: something is missing", name, k)
		}
		if k.Delivered.Sub(k.Day) < 0 || k.Delivered.Sub(k.Day) >= 24*time.Hour {
			t.Errorf("%q: delivered %v, folder %v", name, k.Delivered, k.Day)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if objects != 60 {
		t.Errorf("%d objects, want 60", objects)
	}
}

func FuzzParseKey(f *testing.F) {
	f.Add("logs/AWSLogs/o-abcd/123456789012/CloudTrail/us-east-1/2023/07/10/123456789012_CloudTrail_us-east-1_20230710T1145Z_7xgocspSowgK0Gto.json.gz")
	f.Add("AWSLogs/123456789012/CloudTrail-Digest/us-east-1/2026/03/04/123456789012_CloudTrail-Digest_us-east-1_t_us-east-2_20260304T001122Z_backfill.json.gz")
	f.Add("2023/07/10/x.json")
	f.Add("CloudTrail/\xff/../../..//")
	f.Fuzz(func(t *testing.T, name string) {
		k := ParseKey(name)
		if k.Account != "" && !isAccount(k.Account) {
			t.Errorf("account %q", k.Account)
		}
		if k.Region != "" && !isRegion(k.Region) {
			t.Errorf("region %q", k.Region)
		}
		// Whatever the date, its own time is never left out.
		for _, at := range []time.Time{k.Day, k.Delivered} {
			if !at.IsZero() && !k.MayHold(at, at.Add(time.Nanosecond)) {
				t.Errorf("%q: MayHold at its own time %v is false", name, at)
			}
		}
	})
}
