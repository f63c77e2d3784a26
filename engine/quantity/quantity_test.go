package quantity

import "testing"

func TestParseBytes(t *testing.T) {
	tests := []struct {
		text string
		want int64
		fail bool
	}{
		{text: "0", want: 0},
		{text: "1000", want: 1000},
		{text: "512MiB", want: 512 << 20},
		{text: "512 mib", want: 512 << 20},
		{text: "1.5GB", want: 1_500_000_000},
		{text: "4G", want: 4 << 30},
		{text: "7 B", want: 7},
		{text: "", fail: true},
		{text: "MiB", fail: true},
		{text: "-1", fail: true},
		{text: "1.2.3", fail: true},
		{text: "12 parsecs", fail: true},
		{text: "12 Mparsecs", fail: true},
		{text: "9000000T", fail: true},
	}
	for _, tt := range tests {
		t.Run(tt.text, func(t *testing.T) {
			got, err := ParseBytes(tt.text)
			if got != tt.want || (err != nil) != tt.fail {
				t.Errorf("ParseBytes(%q) = %d, %v; want %d, failure %v", tt.text, got, err, tt.want, tt.fail)
			}
		})
	}
}

func TestFormatQuantities(t *testing.T) {
	for n, want := range map[int64]string{0: "0", 999: "999", 1000: "1,000", 1234567: "1,234,567", -1234: "-1,234"} {
		if got := Count(n); got != want {
			t.Errorf("Count(%d) = %q, want %q", n, got, want)
		}
	}
	for n, want := range map[int64]string{0: "0 B", 999: "999 B", 1000: "1.0 kB", 1_500_000_000: "1.5 GB", 999_949: "999.9 kB", 999_950: "1.0 MB"} {
		if got := Bytes(n); got != want {
			t.Errorf("Bytes(%d) = %q, want %q", n, got, want)
		}
	}
}

func TestHeat(t *testing.T) {
	for _, tt := range []struct {
		counts []int64
		want   string
	}{
		{nil, ""},
		{[]int64{0, 0}, ".."},
		{[]int64{0, 1, 1000, 1_000_000}, ".-*@"},
		{[]int64{5, 5}, "@@"},
	} {
		if got := Heat(tt.counts, true); got != tt.want {
			t.Errorf("Heat(%d) = %q, want %q", tt.counts, got, tt.want)
		}
	}
}

func TestBar(t *testing.T) {
	for fraction, want := range map[float64]string{-1: "[....]", 0: "[....]", 0.5: "[##..]", 1: "[####]", 7: "[####]"} {
		if got := Bar(fraction, 4, true); got != want {
			t.Errorf("Bar(%g) = %q, want %q", fraction, got, want)
		}
	}
}
