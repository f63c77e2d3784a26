package render

import (
	"slices"
	"testing"
)

// BenchmarkWrite writes 100,000 findings in every format.
func BenchmarkWrite(b *testing.B) {
	for _, format := range Formats() {
		b.Run(string(format), func(b *testing.B) {
			r := example()
			c := &r.Packs[0].Controls[0]
			some := c.Findings
			for len(c.Findings) < 100_000 {
				c.Findings = append(c.Findings, some...)
			}
			c.Findings = slices.Clip(c.Findings)
			for b.Loop() {
				files, err := Write(b.Context(), b.TempDir(), r, []Format{format})
				if err != nil {
					b.Fatal(err)
				}
				size := int64(0)
				for _, f := range files {
					size += f.Size
				}
				b.SetBytes(size)
			}
		})
	}
}
