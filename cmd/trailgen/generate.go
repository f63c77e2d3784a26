package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/klauspost/compress/gzip"
)

// totals says what an archive holds.
type totals struct {
	Files, Records, Duplicates int
	JSONBytes, StoredBytes     int64
}

// written says what became of one object.
type written struct {
	records     int
	json        int64
	stored      int64
	times       span64
	fingerprint [sha256.Size]byte
}

// span64 is the range of the times that were added.
type span64 struct{ oldest, newest time.Time }

func (s *span64) add(t time.Time) {
	if s.oldest.IsZero() || t.Before(s.oldest) {
		s.oldest = t
	}
	if t.After(s.newest) {
		s.newest = t
	}
}

// generate writes an archive to o.Dir. The folder appears when it is complete:
// until then it has the suffix .partial. A folder that exists is an error.
func generate(ctx context.Context, o options) (totals, error) {
	if _, err := os.Stat(o.Dir); err == nil {
		return totals{}, fmt.Errorf("write archive %s: %w", o.Dir, fs.ErrExist)
	}
	partial := strings.TrimRight(o.Dir, "/") + ".partial"
	if err := os.RemoveAll(partial); err != nil {
		return totals{}, fmt.Errorf("clear %s: %w", partial, err)
	}
	w, err := newWorld(o)
	if err != nil {
		return totals{}, err
	}
	objects := planObjects(o, w)
	results, err := writeObjects(ctx, o, w, partial, objects)
	if err != nil {
		return totals{}, err
	}
	var sum totals
	for i, r := range results {
		if r.records == 0 {
			continue // a twin without management events
		}
		sum.Files++
		sum.JSONBytes += r.json
		sum.StoredBytes += r.stored
		if sum.Records += r.records; objects[i].twin {
			sum.Duplicates += r.records
		}
	}
	writeEvidence := writeDigests
	if o.Signed {
		writeEvidence = writeChains
	}
	if err := writeEvidence(o, w, partial, objects, results); err != nil {
		return totals{}, err
	}
	if err := os.Rename(partial, o.Dir); err != nil {
		return totals{}, fmt.Errorf("write archive: %w", err)
	}
	return sum, nil
}

// writeObjects writes all objects, o.Workers at a time.
func writeObjects(ctx context.Context, o options, w *world, dir string, objects []object) ([]written, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	results := make([]written, len(objects))
	failures := make([]error, o.Workers)
	next := make(chan int)
	var team sync.WaitGroup
	for i := range o.Workers {
		team.Go(func() {
			if failures[i] = writeSome(ctx, o, w, dir, objects, next, results); failures[i] != nil {
				cancel()
			}
		})
	}
	for i := range objects {
		select {
		case next <- i:
			continue
		case <-ctx.Done():
		}
		break
	}
	close(next)
	team.Wait()
	if err := errors.Join(failures...); err != nil {
		return nil, err
	}
	return results, ctx.Err()
}

func writeSome(ctx context.Context, o options, w *world, dir string, objects []object, next <-chan int, results []written) error {
	m := newMaker(w)
	zip, err := gzip.NewWriterLevel(&m.packed, o.Level)
	if err != nil {
		return fmt.Errorf("open gzip: %w", err)
	}
	for i := range next {
		x := objects[i]
		text, r, err := m.document(x)
		if err != nil {
			return err
		}
		if r.records == 0 {
			continue
		}
		m.packed.Reset()
		zip.Reset(&m.packed)
		if _, err := zip.Write(text); err != nil {
			return fmt.Errorf("compress object: %w", err)
		}
		if err := zip.Close(); err != nil {
			return fmt.Errorf("compress object: %w", err)
		}
		r.json, r.stored = int64(len(text)), int64(m.packed.Len())
		if o.Digests > 0 || o.Signed {
			r.fingerprint = sha256.Sum256(text)
		}
		if err := m.save(filepath.Join(dir, filepath.FromSlash(x.key(w))), m.packed.Bytes()); err != nil {
			return err
		}
		results[i] = r
	}
	return nil
}

// maker makes objects one after the other and keeps its buffers in between.
type maker struct {
	world    *world
	call     call
	text     []byte
	packed   bytes.Buffer
	folders  map[string]bool
	stations map[station][]*actor
}

// station is where actors of one kind work.
type station struct {
	account, region int
	kind            kinds
}

func newMaker(w *world) *maker {
	return &maker{world: w, folders: map[string]bool{}, stations: map[station][]*actor{}}
}

// document makes the text of a log file. It is valid until the next call.
func (m *maker) document(x object) ([]byte, written, error) {
	r := written{records: x.records}
	var err error
	m.text = append(m.text[:0], `{"Records":[`...)
	switch x.category {
	case categoryInsight:
		m.text, r.times = m.appendInsight(m.text, x)
	case categoryNetwork:
		m.text, r.times = m.appendNetworkActivity(m.text, x)
	case categoryAggregated:
		m.text = m.appendAggregated(m.text, x)
	default:
		m.text, r.times, r.records, err = m.appendEvents(m.text, x)
	}
	m.text = append(m.text, `]}`...)
	return m.text, r, err
}

func (m *maker) save(name string, data []byte) error {
	if folder := filepath.Dir(name); !m.folders[folder] {
		if err := os.MkdirAll(folder, 0o777); err != nil {
			return fmt.Errorf("make folder: %w", err)
		}
		m.folders[folder] = true
	}
	if err := os.WriteFile(name, data, 0o666); err != nil {
		return fmt.Errorf("write object: %w", err)
	}
	return nil
}
