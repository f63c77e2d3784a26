package catalog_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/trailql/trailql/catalog"
)

func TestMetadataName(t *testing.T) {
	const batch = "20251121T214705123Z-00abcdef"
	for _, tt := range []struct {
		try     int
		version int64
		want    string
	}{
		{1, 3, "00003-20251121-2147-8051-8230-0abcdef00001.metadata.json"},
		{0xfffff, 1234567, "1234567-20251121-2147-8051-8230-0abcdeffffff.metadata.json"},
	} {
		got := catalog.MetadataName(batch, tt.try, tt.version)
		if got != tt.want {
			t.Errorf("got %q, want %q", got, tt.want)
		}
		if of := catalog.BatchOf("default/t/metadata/" + got); of != batch {
			t.Errorf("%q is of batch %q, want %q", got, of, batch)
		}
		_, id, _ := strings.Cut(strings.TrimSuffix(got, ".metadata.json"), "-")
		if u, err := uuid.Parse(id); err != nil || u.Version() != 8 || u.Variant() != uuid.RFC4122 {
			t.Errorf("%q: %v, not a UUID of version 8", id, err)
		}
	}
	for _, name := range []string{
		"00003-" + uuid.NewString() + ".metadata.json",
		"v3.metadata.json",
		"00003-20251121-2147-7051-8230-0abcdef00001.metadata.json",
		"00003-20251121-2147-8051-8230-0abcdef00001.stats",
	} {
		if of := catalog.BatchOf(name); of != "" {
			t.Errorf("%q of another program is said to be of batch %q", name, of)
		}
	}
}

var icebergName = regexp.MustCompile(`^\d{5,}-[-a-f0-9]{36}\.metadata\.json$`)

// TestOldMetadataName: a warehouse whose metadata has the names of an earlier
// trailql is read, changed, expired and repaired, and loses them.
func TestOldMetadataName(t *testing.T) {
	now := time.Now() // of the files, too
	o := catalog.Options{Now: func() time.Time { return now }}
	c := create(t, o)
	mustAdd(t, c, 1, "us-east-1", "2026-01-01")
	makeOld(t, c)
	c = reopen(t, c, o)
	table, err := snapshot(t, c).Table("events")
	if err != nil {
		t.Fatal(err)
	}
	if name := path.Base(table.MetadataLocation()); icebergName.MatchString(name) {
		t.Fatalf("metadata is %q: not an old name", name)
	}
	if got := path.Base(table.RegisteredLocation()); !regexp.MustCompile(`^v\d+\.metadata\.json$`).MatchString(got) {
		t.Errorf("registered is %q, want the copy", got)
	}
	if n := checkWhole(t, c, snapshot(t, c)); n == 0 {
		t.Error("no records")
	}
	mustAdd(t, c, 2, "us-east-1", "2026-01-02")
	if _, err := c.Begin(t.Context()); err != nil { // so that there is something to repair
		t.Fatal(err)
	}
	c = reopen(t, c, o)
	unlock, err := c.Lock(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer unlock()
	if _, err := c.Repair(t.Context()); err != nil {
		t.Fatal(err)
	}
	checkWhole(t, c, snapshot(t, c))
	checkNoOrphans(t, c)
	now = now.Add(48 * time.Hour)
	mustAdd(t, c, 3, "us-east-1", "2026-01-03")
	now = now.Add(48 * time.Hour)
	mustAdd(t, c, 4, "us-east-1", "2026-01-04")
	if err := c.Expire(t.Context()); err != nil {
		t.Fatal(err)
	}
	checkWhole(t, c, snapshot(t, c))
	checkNoOrphans(t, c)
	for _, name := range objects(t, c) {
		if strings.HasSuffix(name, "-1.metadata.json") {
			t.Errorf("%q stayed", name)
		}
	}
	if table, err = snapshot(t, c).Table("events"); err != nil {
		t.Fatal(err)
	}
	if got := path.Base(table.RegisteredLocation()); got != path.Base(table.MetadataLocation()) || !icebergName.MatchString(got) {
		t.Errorf("registered is %q of %q", got, table.MetadataLocation())
	}
}

// makeOld gives the metadata files the names that they had.
func makeOld(t *testing.T, c *catalog.Catalog) {
	t.Helper()
	renamed := map[string]string{}
	for _, name := range objects(t, c) {
		if id := catalog.BatchOf(name); id != "" && strings.HasSuffix(name, ".metadata.json") {
			renamed[path.Base(name)] = fmt.Sprintf("%s-1.metadata.json", id)
		}
	}
	if len(renamed) < 2 {
		t.Fatalf("renamed %v", renamed)
	}
	for _, name := range objects(t, c) {
		file := filepath.Join(c.Root(), name)
		if strings.HasSuffix(name, ".json") {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			for to, old := range renamed {
				text = []byte(strings.ReplaceAll(string(text), to, old))
			}
			if !json.Valid(text) {
				t.Fatalf("%s is no JSON", name)
			}
			if err := os.WriteFile(file, text, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if old := renamed[path.Base(name)]; old != "" {
			if err := os.Rename(file, filepath.Join(filepath.Dir(file), old)); err != nil {
				t.Fatal(err)
			}
		}
	}
}
