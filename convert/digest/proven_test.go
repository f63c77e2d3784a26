package digest

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/trailql/trailql/catalog/storage"
	"github.com/trailql/trailql/convert/digest/digesttest"
)

// cut adds a Region that has lost digests.
func cut(s *scene, gone ...int) *digesttest.Trail {
	other := digesttest.NewTrail(s.T, s.In)
	other.Region = "us-east-1"
	digests := other.Hours(noon, 4)
	for _, i := range gone {
		digesttest.Remove(s.T, s.In, digests[i].Object)
	}
	return other
}

// What is proven has no holes in it.
func TestProven(t *testing.T) {
	for _, c := range []struct {
		name   string
		happen func(s *scene)
		want   []string
	}{
		{"all", func(*scene) {}, []string{"12:00-16:00"}},
		{"digest is deleted", func(s *scene) { digesttest.Remove(t, s.In, s.digests[1].Object) }, []string{"12:00-13:00", "14:00-16:00"}},
		{"digest is changed", func(s *scene) { s.edit(s.digests[2].Object, spoil) }, []string{"12:00-14:00", "15:00-16:00"}},
		{"digest is deleted in one of two Regions", func(s *scene) {
			other := digesttest.NewTrail(t, s.In)
			other.Region = "us-east-1"
			digesttest.Remove(t, s.In, other.Hours(noon, 4)[1].Object)
		}, []string{"12:00-13:00", "14:00-16:00"}},
		{"the other trail of the Region covers the hour", func(s *scene) {
			other := digesttest.NewTrail(t, s.In)
			other.Name, other.Logs = "other", 100
			digesttest.Remove(t, s.In, other.Hours(noon, 4)[1].Object)
		}, []string{"12:00-16:00"}},
		{"Region that is younger", func(s *scene) {
			other := digesttest.NewTrail(t, s.In)
			other.Region = "us-east-1"
			other.Hours(noon.Add(2*time.Hour), 2)
		}, []string{"12:00-16:00"}},
		{"newest digest of one Region is changed", func(s *scene) {
			other := digesttest.NewTrail(t, s.In)
			other.Region = "us-east-1"
			s.edit(other.Hours(noon, 4)[3].Object, spoil)
		}, []string{"12:00-15:00"}},
		{"window", func(s *scene) {
			s.o.From, s.o.To = noon.Add(30*time.Minute), noon.Add(210*time.Minute)
			digesttest.Remove(t, s.In, s.digests[1].Object)
		}, []string{"12:30-13:00", "14:00-15:30"}},
		{"digests at the end of the window are deleted in one of two Regions", func(s *scene) {
			s.o.From, s.o.To = noon, noon.Add(3*time.Hour)
			other := cut(s, 1, 2)
			other.Digest(noon.Add(4*time.Hour), noon.Add(5*time.Hour))
		}, []string{"12:00-13:00"}},
		{"digests at the begin of the window are deleted in one of two Regions", func(s *scene) {
			s.o.From, s.o.To = noon.Add(time.Hour), noon.Add(4*time.Hour)
			cut(s, 1, 2)
		}, []string{"15:00-16:00"}},
		{"all digests of the window are deleted in one of two Regions", func(s *scene) {
			s.o.From, s.o.To = noon.Add(time.Hour), noon.Add(3*time.Hour)
			cut(s, 1, 2)
		}, nil},
		{"one of two Regions ends within the window", func(s *scene) {
			s.o.From, s.o.To = noon, noon.Add(4*time.Hour)
			cut(s, 2, 3)
		}, []string{"12:00-14:00"}},
		{"one of two Regions begins within the window", func(s *scene) {
			s.o.From, s.o.To = noon, noon.Add(4*time.Hour)
			other := digesttest.NewTrail(s.T, s.In)
			other.Region = "us-east-1"
			other.Hours(noon.Add(2*time.Hour), 2)
		}, []string{"14:00-16:00"}},
		{"one of two trails of the Region ends within the window", func(s *scene) {
			s.o.From, s.o.To = noon, noon.Add(4*time.Hour)
			other := digesttest.NewTrail(s.T, s.In)
			other.Name, other.Logs = "other", 100
			other.Hours(noon, 2)
		}, []string{"12:00-16:00"}},
		{"no keys", func(s *scene) { s.o.Keys = nil }, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := &scene{Trail: digesttest.NewTrail(t, digesttest.NewBucket("example"))}
			s.digests = s.Hours(noon, 4)
			s.o = Options{Sources: []storage.Storage{s.In}, Keys: []PublicKey{public(digesttest.Signer())}, Now: func() time.Time { return digesttest.At("2026-03-09T00:00:00Z") }}
			c.happen(s)
			r, err := Verify(ctx, s.o)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, p := range r.Proven {
				got = append(got, p.From.Format("15:04")+"-"+p.To.Format("15:04"))
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("proven (-want +got):\n%s", diff)
			}
		})
	}
}

// Log files that were moved with their digests are named by them.
func TestMovedLogsAreCountedOnce(t *testing.T) {
	s := &scene{Trail: digesttest.NewTrail(t, digesttest.NewBucket("example"))}
	s.Hours(noon, 4)
	s.In.Path = "s3://replica"
	r, err := Verify(ctx, Options{Sources: []storage.Storage{s.In}, Keys: []PublicKey{public(digesttest.Signer())}})
	if err != nil {
		t.Fatal(err)
	}
	if r.Logs.Total != 8 || r.Uncovered.Total() != 0 || r.Count(Gap) != 0 {
		t.Errorf("%d log files, not covered %+v, %v", r.Logs.Total, r.Uncovered, short(r))
	}
}
