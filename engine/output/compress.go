package output

import (
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// Compression of a whole output.
type Compression string

const (
	Gzip Compression = "gz"
	Zstd Compression = "zst"
)

// CompressionOfFile tells the compression by the suffix of a file's name.
func CompressionOfFile(name string) (Compression, bool) {
	switch c := Compression(strings.TrimPrefix(strings.ToLower(filepath.Ext(name)), ".")); c {
	case Gzip, Zstd:
		return c, true
	}
	return "", false
}

// Compress starts a compressed stream on w. Closing it ends the stream and does
// not close w.
func Compress(w io.Writer, c Compression) (io.WriteCloser, error) {
	switch c {
	case Gzip:
		return gzip.NewWriterLevel(w, gzip.BestSpeed)
	case Zstd:
		return zstd.NewWriter(w, zstd.WithEncoderLevel(zstd.SpeedDefault), zstd.WithEncoderConcurrency(2))
	}
	return nil, fmt.Errorf("compress output: unknown compression %q", c)
}
