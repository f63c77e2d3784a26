package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"io"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/gzip"
)

var update = flag.Bool("update", false, "write testdata/sample anew")

var firstDay = time.Date(2025, 6, 1, 0, 0, 0, 0, time.UTC)

// sampleOptions are those of the command line in the package comment.
func sampleOptions(dir string) options {
	return options{
		Dir: dir, Seed: 1, Records: 1200, Files: 45, Accounts: 3, Regions: 3, Days: 3, From: firstDay, Users: 8,
		Duplicates: 3, Digests: 1, Shape: shapeTiny, Level: 9, Workers: 2,
	}
}

func mustGenerate(t *testing.T, o options) totals {
	t.Helper()
	made, err := generate(context.Background(), o)
	if err != nil {
		t.Fatalf("generate: %v", err)
	}
	return made
}

// readTree maps the paths below dir to the files' contents.
func readTree(t *testing.T, dir string) map[string]string {
	t.Helper()
	tree := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		name, err := filepath.Rel(dir, path)
		tree[filepath.ToSlash(name)] = string(data)
		return err
	})
	if err != nil {
		t.Fatalf("read tree: %v", err)
	}
	return tree
}

func sameTree(t *testing.T, got, want map[string]string) {
	t.Helper()
	for name := range want {
		if _, there := got[name]; !there {
			t.Errorf("%s is missing", name)
		}
	}
	for name, data := range got {
		if old, there := want[name]; !there {
			t.Errorf("%s is new", name)
		} else if data != old {
			t.Errorf("%s has other bytes", name)
		}
	}
}

func TestSampleIsWhatTheGeneratorMakes(t *testing.T) {
	const sample = "../../testdata/sample"
	dir := filepath.Join(t.TempDir(), "sample")
	mustGenerate(t, sampleOptions(dir))
	got := readTree(t, dir)
	size := 0
	for _, data := range got {
		size += len(data)
	}
	if size > 300_000 {
		t.Errorf("the sample has %d bytes, which is much for a repository", size)
	}
	if *update {
		if err := os.RemoveAll(sample); err != nil {
			t.Fatal(err)
		}
		mustGenerate(t, sampleOptions(sample))
	}
	sameTree(t, got, readTree(t, sample))
}

func TestFlagsDecideTheBytes(t *testing.T) {
	base := sampleOptions("")
	archive := func(name string, change func(*options)) map[string]string {
		o := base
		o.Dir = filepath.Join(t.TempDir(), name)
		change(&o)
		mustGenerate(t, o)
		return readTree(t, o.Dir)
	}
	one := archive("one", func(o *options) { o.Workers = 1 })
	sameTree(t, archive("five", func(o *options) { o.Workers = 5 }), one)
	if other := archive("seed", func(o *options) { o.Seed = 2 }); cmp.Equal(one, other) {
		t.Error("another seed made the same archive")
	}
}

func TestExistingFolderIsLeftAlone(t *testing.T) {
	dir := t.TempDir()
	o := sampleOptions(dir)
	if _, err := generate(context.Background(), o); !errors.Is(err, fs.ErrExist) {
		t.Errorf("generate into an existing folder: %v", err)
	}
	if left := readTree(t, dir); len(left) > 0 {
		t.Errorf("it wrote %d files", len(left))
	}
}

func TestCanceledLeavesNoArchive(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	o := sampleOptions(filepath.Join(t.TempDir(), "never"))
	if _, err := generate(ctx, o); !errors.Is(err, context.Canceled) {
		t.Errorf("generate: %v", err)
	}
	if _, err := os.Stat(o.Dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the folder is there: %v", err)
	}
}

// delivery is a record and the object that holds it.
type delivery struct {
	key    string
	text   string
	fields map[string]any
}

func (d delivery) field(name string) string {
	s, _ := d.fields[name].(string)
	return s
}

func unzip(t *testing.T, data string) []byte {
	t.Helper()
	zip, err := gzip.NewReader(strings.NewReader(data))
	if err != nil {
		t.Fatalf("open gzip: %v", err)
	}
	text, err := io.ReadAll(zip)
	if err != nil {
		t.Fatalf("read gzip: %v", err)
	}
	return text
}

// deliveries reads all records of an archive. Other documents are skipped.
func deliveries(t *testing.T, tree map[string]string) []delivery {
	t.Helper()
	var all []delivery
	for key, data := range tree {
		var file struct{ Records []json.RawMessage }
		if err := json.Unmarshal(unzip(t, data), &file); err != nil {
			t.Fatalf("%s: %v", key, err)
		}
		for _, text := range file.Records {
			d := delivery{key: key, text: string(text)}
			if err := json.Unmarshal(text, &d.fields); err != nil {
				t.Fatalf("%s: %v", key, err)
			}
			all = append(all, d)
		}
	}
	return all
}

func TestArchive(t *testing.T) {
	o := options{
		Dir: filepath.Join(t.TempDir(), "archive"), Seed: 3, Records: 15_000, Files: 250, Accounts: 3, Regions: 4, Days: 5, From: firstDay, Users: 20,
		Duplicates: 5, Digests: 2, Shape: shapeRealistic, Org: "o-exampleorg", Level: 6, Workers: 2,
	}
	made := mustGenerate(t, o)
	tree := readTree(t, o.Dir)
	all := deliveries(t, tree)

	if len(all) != made.Records || made.Records-made.Duplicates != o.Records {
		t.Errorf("%d records in files, %d counted, %d of them twice; want %d once", len(all), made.Records, made.Duplicates, o.Records)
	}
	if percent := 100 * float64(made.Duplicates) / float64(o.Records); percent < 2 || percent > 10 {
		t.Errorf("%.1f %% of the records are delivered twice, want about %v", percent, o.Duplicates)
	}
	if mean := made.JSONBytes / int64(made.Records); mean < 1000 || mean > 1450 {
		t.Errorf("a record has %d bytes of JSON on average", mean)
	}

	t.Run("keys", func(t *testing.T) {
		layout := regexp.MustCompile(`^AWSLogs/o-exampleorg/(\d{12})/(CloudTrail(-\w+)?)/([a-z0-9-]+)/\d{4}/\d\d/\d\d/\d{12}_CloudTrail(-\w+)?_[a-z0-9-]+_[\w-]*\d{8}T\d{4}(\d\d)?Z(_[0-9A-Za-z]{16})?\.json\.gz$`)
		folders := map[string]int{}
		for key := range tree {
			parts := layout.FindStringSubmatch(key)
			if parts == nil {
				t.Errorf("key %s is not of CloudTrail's layout", key)
				continue
			}
			folders[parts[2]]++
		}
		for _, want := range []string{"CloudTrail", "CloudTrail-Insight", "CloudTrail-NetworkActivity", "CloudTrail-Aggregated", "CloudTrail-Digest"} {
			if folders[want] == 0 {
				t.Errorf("no object in %s", want)
			}
		}
	})

	t.Run("shapes", func(t *testing.T) {
		have := map[string]int{}
		for _, d := range all {
			identity, _ := d.fields["userIdentity"].(map[string]any)
			kind, _ := identity["type"].(string)
			have["category "+d.field("eventCategory")]++
			have["type "+d.field("eventType")]++
			have["identity "+kind]++
			have["event "+d.field("eventName")]++
			have["error "+d.field("errorCode")]++
			have["version "+d.field("eventVersion")]++
			for name, value := range d.fields {
				if have["field "+name]++; value == nil {
					have["null "+name]++
				}
			}
			if strings.Contains(d.text, `"bytesTransferredIn":0.0`) {
				have["float"]++
			}
		}
		for _, want := range []string{
			"category Management", "category Data", "category Insight", "category NetworkActivity", "category Aggregated",
			"type AwsApiCall", "type AwsServiceEvent", "type AwsConsoleSignIn", "type AwsVpceEvent", "type AwsCloudTrailInsight", "type AwsAggregatedEvent",
			"identity IAMUser", "identity AssumedRole", "identity AWSService", "identity AWSAccount", "identity Root", "identity WebIdentityUser",
			"identity SAMLUser", "identity FederatedUser", "identity IdentityCenterUser", "identity ",
			"event ConsoleLogin", "event CreateAccessKey", "event DeleteBucket", "event StopLogging", "event Invoke", "event GetItem",
			"error AccessDenied", "error Client.UnauthorizedOperation", "error NoSuchKey", "error VpceAccessDenied",
			"version 1.08", "version 1.09", "version 1.10", "version 1.11", "version 1.0",
			"null requestParameters", "null responseElements", "float",
			"field tlsDetails", "field resources", "field sharedEventID", "field additionalEventData", "field apiVersion", "field vpcEndpointId",
			"field vpcEndpointAccountId", "field serviceEventDetails", "field sessionCredentialFromConsole", "field insightDetails", "field summary",
		} {
			if have[want] == 0 {
				t.Errorf("no record has %s", want)
			}
		}
	})

	t.Run("times and places", func(t *testing.T) {
		otherDay, otherRegion, held := 0, 0, 0
		stamped := regexp.MustCompile(`_(\d{8}T\d{4}Z)_`)
		for _, d := range all {
			if !strings.Contains(d.key, "/"+d.field("awsRegion")+"/") {
				if otherRegion++; d.field("awsRegion") != globalRegion {
					t.Errorf("%s holds a record of %s", d.key, d.field("awsRegion"))
				}
			}
			if d.field("eventType") == "AwsAggregatedEvent" {
				continue
			}
			at, err := time.Parse(time.RFC3339, d.field("eventTime"))
			if err != nil {
				t.Fatalf("%s: %v", d.key, err)
			}
			stamp, err := time.Parse("20060102T1504Z", stamped.FindStringSubmatch(d.key)[1])
			if err != nil {
				t.Fatalf("%s: %v", d.key, err)
			}
			switch late := stamp.Sub(at); {
			case late < 0:
				t.Errorf("%s holds an event of %v after it", d.key, at)
			case late > 21*time.Minute:
				held++
			}
			if !strings.Contains(d.key, at.Format("/2006/01/02/")) {
				otherDay++
			}
		}
		if otherDay == 0 || otherRegion == 0 || held == 0 {
			t.Errorf("%d records on another day, %d in another region, %d held up; want some of each", otherDay, otherRegion, held)
		}
		if most := len(all) / 50; otherDay > most || otherRegion > most || held > most {
			t.Errorf("%d records on another day, %d in another region, %d held up; want few", otherDay, otherRegion, held)
		}
	})

	t.Run("ids", func(t *testing.T) {
		uuid := regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)
		seen := map[string]delivery{}
		twice := 0
		for _, d := range all {
			id := d.field("eventID") + d.field("eventId")
			if !uuid.MatchString(id) {
				t.Fatalf("eventID %q", id)
			}
			if old, again := seen[id]; again {
				if twice++; old.text != d.text || old.key == d.key {
					t.Errorf("eventID %s: the second delivery is another record, or in the same object", id)
				}
			}
			seen[id] = d
		}
		if twice != made.Duplicates {
			t.Errorf("%d records come twice, want %d", twice, made.Duplicates)
		}
	})

	t.Run("addresses are nobody's", func(t *testing.T) {
		var allowed []netip.Prefix
		for _, p := range []string{"192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "10.0.0.0/8", "2001:db8::/32"} {
			allowed = append(allowed, netip.MustParsePrefix(p))
		}
		for _, d := range all {
			from := d.field("sourceIPAddress")
			address, err := netip.ParseAddr(from)
			if err != nil {
				continue // a service's name
			}
			ours := false
			for _, p := range allowed {
				ours = ours || p.Contains(address)
			}
			if !ours {
				t.Fatalf("address %s may be somebody's", from)
			}
		}
	})

	t.Run("digests", func(t *testing.T) {
		listed := 0
		for key, data := range tree {
			if !strings.Contains(key, "/CloudTrail-Digest/") {
				continue
			}
			var doc digest
			decoder := json.NewDecoder(bytes.NewReader(unzip(t, data)))
			decoder.DisallowUnknownFields()
			if err := decoder.Decode(&doc); err != nil {
				t.Fatalf("%s: %v", key, err)
			}
			if doc.Object != key {
				t.Errorf("digest %s says that it is %s", key, doc.Object)
			}
			for _, f := range doc.LogFiles {
				listed++
				if sum := sha256.Sum256(unzip(t, tree[f.Object])); hex.EncodeToString(sum[:]) != f.Hash {
					t.Errorf("digest %s: wrong hash of %s", key, f.Object)
				}
			}
		}
		if listed < o.Digests {
			t.Errorf("%d digests list %d files", o.Digests, listed)
		}
	})
}

func TestFileSizes(t *testing.T) {
	for name, o := range map[string]options{
		"realistic":           {Shape: shapeRealistic, Files: 1000, Records: 200_000},
		"tiny":                {Shape: shapeTiny, Files: 1000, Records: 12_000},
		"one a file":          {Shape: shapeRealistic, Files: 100, Records: 100},
		"larger than a limit": {Shape: shapeRealistic, Files: 2, Records: 50_000},
	} {
		t.Run(name, func(t *testing.T) {
			sizes := fileSizes(o, newDice(1, 1), o.Files, o.Records)
			sum, smallest, largest := 0, o.Records, 0
			for _, n := range sizes {
				sum, smallest, largest = sum+n, min(smallest, n), max(largest, n)
			}
			if len(sizes) != o.Files || sum != o.Records || smallest < 1 {
				t.Errorf("%d files of %d records in all, the smallest %d; want %d of %d", len(sizes), sum, smallest, o.Files, o.Records)
			}
			mean := o.Records / o.Files
			if o.Shape == shapeTiny && (smallest < mean/3 || largest > 2*mean) {
				t.Errorf("tiny files hold %d to %d records", smallest, largest)
			}
			if name == "realistic" && largest < 10*mean {
				t.Errorf("the largest file holds %d records: no heavy tail", largest)
			}
		})
	}
}

func TestRun(t *testing.T) {
	for name, c := range map[string]struct {
		args []string
		code int
		says string
	}{
		"help":             {[]string{"-h"}, 0, "-records"},
		"no folder":        {nil, 2, "-o is missing"},
		"unknown flag":     {[]string{"-nope"}, 2, "-nope"},
		"bad date":         {[]string{"-o", "x", "-from", "June"}, 2, "-from"},
		"bad shape":        {[]string{"-o", "x", "-shape", "round"}, 2, "-shape"},
		"too many regions": {[]string{"-o", "x", "-regions", "99"}, 2, "-regions"},
		"too few records":  {[]string{"-o", "x", "-records", "1", "-files", "2"}, 2, "-records"},
		"stray argument":   {[]string{"-o", "x", "y"}, 2, `"y"`},
	} {
		t.Run(name, func(t *testing.T) {
			var stderr bytes.Buffer
			if code := run(context.Background(), c.args, &stderr); code != c.code || !strings.Contains(stderr.String(), c.says) {
				t.Errorf("exit code %d, message %q; want %d and %q", code, stderr.String(), c.code, c.says)
			}
		})
	}
}
