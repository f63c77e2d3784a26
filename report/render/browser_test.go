package render

import (
	"context"
	"flag"
	"image/png"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "write the screenshots of docs anew")

// docs is where the screenshots are.
const docs = "../../docs"

// browser runs a headless Chromium, if there is one, and returns what it prints.
func browser(t *testing.T, args ...string) string {
	t.Helper()
	var program string
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if found, err := exec.LookPath(name); err == nil {
			program = found
			break
		}
	}
	if program == "" || testing.Short() {
		t.Skip("no Chromium, or -short")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	args = append([]string{"--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--user-data-dir=" + t.TempDir()}, args...)
	out, err := exec.CommandContext(ctx, program, args...).Output()
	if err != nil {
		t.Skipf("Chromium does not run here: %v", err)
	}
	return string(out)
}

// pageFile writes a page into a folder; hide are the parts of it that are left out.
func pageFile(t *testing.T, html, hide string) string {
	t.Helper()
	if hide != "" {
		html = strings.Replace(html, "</head>", "<style>"+hide+"{display:none}</style></head>", 1)
	}
	name := filepath.Join(t.TempDir(), htmlFile)
	if err := os.WriteFile(name, []byte(html), 0o666); err != nil {
		t.Fatal(err)
	}
	return "file://" + name
}

// TestBrowser reads hostile reports with a browser, which knows more ways to take
// text for markup than we do.
func TestBrowser(t *testing.T) {
	for _, shift := range []int{0, 7} {
		html := rendered(t, hostileExample(shift), HTML)[htmlFile]
		dom := browser(t, "--dump-dom", pageFile(t, html, ""))
		if !strings.Contains(dom, `id="run"`) {
			t.Fatalf("the browser has only %.200q", dom)
		}
		for _, tag := range regexp.MustCompile(`<([a-zA-Z][a-zA-Z0-9-]*)`).FindAllStringSubmatch(dom, -1) {
			if !slices.Contains(pageTags, tag[1]) {
				t.Errorf("shift %d: the browser sees an element %s", shift, tag[1])
			}
		}
		for _, handler := range regexp.MustCompile(` on[a-z]+=|javascript:`).FindAllStringIndex(dom, -1) {
			// As text it is what somebody wrote; in a tag it would run.
			if start := strings.LastIndexAny(dom[:handler[0]], "<>"); start >= 0 && dom[start] == '<' {
				t.Errorf("shift %d: the browser sees %s", shift, dom[start:handler[1]])
			}
		}
	}
}

// TestScreenshots looks at the page as a manager and as an auditor do, and with
// -update writes the pictures of docs.
func TestScreenshots(t *testing.T) {
	html := rendered(t, example(), HTML, CSV, JSON)[htmlFile]
	for _, shot := range []struct{ name, size, hide string }{
		{"report-summary.png", "1080,1250", ""},
		{"report-evidence.png", "1080,1380", "header, nav, main > section:not(#evidence), .control:not([id$='_4.3'])"},
	} {
		t.Run(shot.name, func(t *testing.T) {
			name := filepath.Join(t.TempDir(), shot.name)
			if *update {
				name = filepath.Join(docs, shot.name)
			}
			browser(t, "--screenshot="+name, "--window-size="+shot.size, pageFile(t, html, shot.hide))
			file, err := os.Open(name)
			if err != nil {
				t.Fatal(err)
			}
			defer file.Close()
			picture, err := png.Decode(file)
			if err != nil {
				t.Fatal(err)
			}
			colours := map[[3]uint32]int{}
			bounds := picture.Bounds()
			for y := bounds.Min.Y; y < bounds.Max.Y; y += 3 {
				for x := bounds.Min.X; x < bounds.Max.X; x += 3 {
					r, g, b, _ := picture.At(x, y).RGBA()
					colours[[3]uint32{r, g, b}]++
				}
			}
			if len(colours) < 20 {
				t.Errorf("the picture has %d colours: nothing is on it", len(colours))
			}
		})
	}
}
