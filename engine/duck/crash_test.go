package duck

import (
	"fmt"
	"strings"
	"testing"
)

func TestCrash(t *testing.T) {
	caught(func() {}).again()
	broken := make(chan *crash)
	go func() { broken <- caught(func() { panic("far away") }) }()
	defer func() {
		text := fmt.Sprint(recover())
		if !strings.HasPrefix(text, "far away\n") || !strings.Contains(text, "TestCrash") {
			t.Errorf("panic %q", text)
		}
	}()
	(<-broken).again()
	t.Error("no panic")
}
