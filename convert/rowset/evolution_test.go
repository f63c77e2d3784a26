package rowset

import (
	"bytes"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"

	"github.com/trailql/trailql/convert/cloudtrail"
)

// A file from before the table had a column reads as null in it.
func TestOpenOlderFile(t *testing.T) {
	text := `{"eventVersion":"1.08","eventTime":"2026-01-02T03:04:05Z","eventName":"GetObject","eventID":"e","tlsDetails":{"keyExchange":"x25519","tlsVersion":"TLSv1.3"}}`
	whole := written(t, text)
	for _, tt := range []struct{ name, drop, add, want, fail string }{
		{name: "the table's columns", want: text},
		{name: "one less", drop: "tlskeyexchange", want: `{"eventVersion":"1.08","eventTime":"2026-01-02T03:04:05Z","eventName":"GetObject","eventID":"e","tlsDetails":{"tlsVersion":"TLSv1.3"}}`},
		{name: "one more", add: "mystery", fail: "column mystery is not known"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := rewrite(t, whole, tt.drop, tt.add)
			f, err := Open(bytes.NewReader(b), int64(len(b)))
			if tt.fail != "" {
				if err == nil || !strings.Contains(err.Error(), tt.fail) {
					t.Fatalf("error %v, want %q", err, tt.fail)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			back := New(&Pool{})
			if err := f.Load(0, back); err != nil {
				t.Fatal(err)
			}
			var rec cloudtrail.Record
			back.Row(0, &rec)
			if got := rec.AppendJSON(nil); !cloudtrail.EqualJSON(got, []byte(tt.want)) {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}

// rewrite copies a file through parquet-go without one column, or with one more.
func rewrite(t *testing.T, b []byte, drop, add string) []byte {
	t.Helper()
	f, err := parquet.OpenFile(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	group := parquet.Group{}
	for _, field := range f.Schema().Fields() {
		if field.Name() != drop {
			group[field.Name()] = field
		}
	}
	if add != "" {
		group[add] = parquet.Optional(parquet.String())
	}
	schema := parquet.NewSchema("root", group)
	conversion, err := parquet.Convert(schema, f.Schema())
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	w := parquet.NewWriter(&out, schema)
	if _, err := w.WriteRowGroup(parquet.ConvertRowGroup(f.RowGroups()[0], conversion)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}
