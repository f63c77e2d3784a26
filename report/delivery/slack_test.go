package delivery

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestSlack(t *testing.T) {
	d, r := newDesk(t), newReceiver(t, false, 200)
	file := filepath.Join(t.TempDir(), "url")
	if err := os.WriteFile(file, []byte(r.URL+"/T000/secretpath\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if o := d.deliver(Target{Slack: &Slack{URLFile: file}}); o.Err != nil {
		t.Fatal(o.Err)
	}
	if got := r.got()[0].URL.Path; got != "/T000/secretpath" {
		t.Errorf("path %s", got)
	}
	body := string(r.bodies[0])
	var m slackMessage
	if err := json.Unmarshal(r.bodies[0], &m); err != nil {
		t.Fatal(err)
	}
	if m.Parse != "none" || m.LinkNames || m.Markdown || !strings.HasPrefix(m.Text, "[trailql] ALARM: PCI DSS, yesterday, 2026-11-20") {
		t.Errorf("got %s", body)
	}
	texts := []string{m.Text}
	for _, b := range m.Blocks {
		if b.Text != nil {
			texts = append(texts, b.Text.Text)
			if b.Text.Type != "plain_text" {
				t.Errorf("markup in %+v", b)
			}
		}
		for _, f := range append(b.Fields, b.Elements...) {
			texts = append(texts, f.Text)
			if f.Type != "plain_text" {
				t.Errorf("markup in %+v", b)
			}
		}
	}
	all := strings.Join(texts, "\n")
	if strings.ContainsAny(all, "<>\r\u202e") || !strings.Contains(all, "&lt;!channel&gt;") || !strings.Contains(all, "gnp.exe &amp; *b*") {
		t.Errorf("not escaped: %s", all)
	}
	noSecrets(t, d, nil)
}

func TestSlackLimits(t *testing.T) {
	m := Summarize(exampleReport(), "/r", "")
	m.Title = strings.Repeat("<", 500)
	for i := range 80 {
		p := m.Packs[0]
		p.Title = fmt.Sprint(i, strings.Repeat("ä&", 4000))
		m.Packs = append(m.Packs, p)
	}
	data, err := slackPayload(m)
	if err != nil {
		t.Fatal(err)
	}
	var got slackMessage
	if err := json.Unmarshal(data, &got); err != nil {
		t.Fatal(err)
	}
	if n := len([]rune(got.Blocks[0].Text.Text)); n > slackHeader || len(got.Blocks) > slackMaxBlock {
		t.Errorf("header of %d, %d blocks", n, len(got.Blocks))
	}
	for _, b := range got.Blocks {
		if b.Text != nil && len([]rune(b.Text.Text)) > slackSection {
			t.Errorf("section of %d", len([]rune(b.Text.Text)))
		}
	}
}
