package trino

import (
	"fmt"
	"strings"
	"testing"
)

// BenchmarkDecode reads a page of rows of five columns.
func BenchmarkDecode(b *testing.B) {
	var rows []string
	for i := range 10_000 {
		rows = append(rows, fmt.Sprintf(`[%d,"O",%d.25,"1996-01-02","nstructions sleep furiously among %d",["x",null,["a"]]]`, i, i, i))
	}
	page := []byte("[" + strings.Join(rows, ",") + "]")
	text := signature{Raw: "varchar"}
	d := newDecoder([]column{
		{Name: "a", Type: signature{Raw: "bigint"}}, {Name: "b", Type: text}, {Name: "c", Type: signature{Raw: "double"}}, {Name: "d", Type: signature{Raw: "date"}}, {Name: "e", Type: text},
		{Name: "f", Type: signature{Raw: "row", Arguments: []argument{{name: "x", typ: text}, {name: "y", typ: text}, {name: "z", typ: signature{Raw: "array", Arguments: []argument{{typ: text}}}}}}},
	})
	b.SetBytes(int64(len(page)))
	for b.Loop() {
		batch, err := d.batch(page)
		if err != nil {
			b.Fatal(err)
		}
		batch.Release()
	}
}
