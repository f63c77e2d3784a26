package schedule

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"time"
)

// reportFolder is the name of a report of ours: its period, and a revision.
var reportFolder = regexp.MustCompile(`^\d{4}-\d\d-\d\d(?:T\d{6})?_(\d{4}-\d\d-\d\d(?:T\d{6})?)(?:[.-]r?\d+)?$`)

// expiring begins the name of a report that is being removed.
const expiring = ".expired-"

// Expire removes the reports of a schedule whose period ended longer than its
// Retention ago, and returns their folders. The report of the newest period
// stays, whatever its age, and so does what is not a sealed report of ours.
func (s *Schedule) Expire(now time.Time) (removed []string, err error) {
	if s.Retention == 0 {
		return nil, nil
	}
	dir := filepath.Join(s.Output, s.Name)
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("remove old reports: %w", err)
	}
	type old struct {
		name string
		end  time.Time
	}
	var reports []old
	var newest time.Time
	for _, e := range entries {
		if len(e.Name()) > len(expiring) && e.Name()[:len(expiring)] == expiring {
			// Of a removal that was killed.
			if err := os.RemoveAll(filepath.Join(dir, e.Name())); err != nil {
				return nil, fmt.Errorf("remove old reports: %w", err)
			}
			continue
		}
		m := reportFolder.FindStringSubmatch(e.Name())
		if m == nil || !e.IsDir() {
			continue
		}
		end, err := time.ParseInLocation(folderTime, m[1], s.zone)
		if err != nil {
			end, err = time.ParseInLocation(folderTime+"T150405", m[1], s.zone)
		}
		if err != nil {
			continue
		}
		if info, err := os.Lstat(filepath.Join(dir, e.Name(), "manifest.json")); err != nil || !info.Mode().IsRegular() {
			continue
		}
		reports = append(reports, old{e.Name(), end})
		if end.After(newest) {
			newest = end
		}
	}
	for _, r := range reports {
		if r.end.Equal(newest) || !r.end.Add(time.Duration(s.Retention)).Before(now) {
			continue
		}
		// A report goes whole.
		gone := filepath.Join(dir, expiring+r.name)
		if err := os.Rename(filepath.Join(dir, r.name), gone); err != nil {
			return removed, fmt.Errorf("remove old reports: %w", err)
		}
		removed = append(removed, filepath.Join(dir, r.name))
		if err := os.RemoveAll(gone); err != nil {
			return removed, fmt.Errorf("remove old reports: %w", err)
		}
	}
	return removed, nil
}
