package delivery

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"unicode/utf8"

	"github.com/trailql/trailql/report/ledger"
)

// slackText is a text object. Plain text knows no markup; & < > begin mentions
// and links everywhere, so they are escaped.
type slackText struct {
	Type  string `json:"type"`
	Text  string `json:"text"`
	Emoji bool   `json:"emoji"`
}

type slackBlock struct {
	Type     string      `json:"type"`
	Text     *slackText  `json:"text,omitempty"`
	Fields   []slackText `json:"fields,omitempty"`
	Elements []slackText `json:"elements,omitempty"`
}

type slackMessage struct {
	Text        string       `json:"text"` // for notifications
	Blocks      []slackBlock `json:"blocks"`
	Markdown    bool         `json:"mrkdwn"`
	Parse       string       `json:"parse"`
	LinkNames   bool         `json:"link_names"`
	UnfurlLinks bool         `json:"unfurl_links"`
	UnfurlMedia bool         `json:"unfurl_media"`
}

// The limits of Slack's blocks.
const (
	slackHeader   = 150
	slackSection  = 3000
	slackField    = 2000
	slackMaxBlock = 50
)

var slackEscape = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")

// slackPlain is text that Slack shows as it is, shortened to a limit that counts
// what the escapes add.
func slackPlain(text string, limit int) slackText {
	return slackText{Type: "plain_text", Text: slackCut(text, limit)}
}

func slackCut(text string, limit int) string {
	var b strings.Builder
	n := 0
	for _, r := range text {
		escaped := slackEscape.Replace(string(r))
		if size := utf8.RuneCountInString(escaped); n+size > limit-1 {
			b.WriteString("…")
			break
		} else {
			n += size
		}
		b.WriteString(escaped)
	}
	return b.String()
}

// slackPayload is the message in Slack's blocks.
func slackPayload(m Message) ([]byte, error) {
	header := slackPlain(m.Subject(), slackHeader)
	facts := []slackText{slackPlain(oneLine("Period: "+m.Period.String()+" ("+m.Period.Zone+")"), slackField)}
	failed := m.Status == ledger.Failed
	switch {
	case failed:
		facts = append(facts, slackPlain(failure, slackField))
	case !m.Complete:
		facts = append(facts, slackPlain("The archive does not cover the whole period.", slackField))
		fallthrough
	default:
		facts = append(facts, slackPlain(fmt.Sprintf("Events read: %d", m.Records), slackField))
	}
	blocks := []slackBlock{{Type: "header", Text: &header}, {Type: "section", Fields: facts}}
	for _, p := range m.Packs {
		if failed || len(blocks) >= slackMaxBlock-1 {
			break
		}
		lines := []string{oneLine(strings.TrimSpace(p.Title + " " + p.Version)), p.states()}
		for i, c := range p.Attention {
			if i == maxAttention {
				lines = append(lines, fmt.Sprintf("… and %d more in the report", len(p.Attention)-i))
				break
			}
			lines = append(lines, oneLine(fmt.Sprintf("%s  %s  %s (%s, %d)", c.State, c.ID, c.Title, c.Severity, c.Count)))
		}
		text := slackPlain(strings.Join(lines, "\n"), slackSection)
		blocks = append(blocks, slackBlock{Type: "section", Text: &text})
	}
	foot := slackPlain(oneLine("Run "+m.RunID+" · "+m.Dir), slackSection)
	blocks = append(blocks, slackBlock{Type: "context", Elements: []slackText{foot}})
	return json.Marshal(slackMessage{Text: header.Text, Blocks: blocks, Parse: "none"})
}

func (d *Deliverer) sendSlack(ctx context.Context, p pending, s *Slack) error {
	place, err := d.secret("url", s.URLEnv, s.URLFile)
	if err != nil {
		return permanent{fmt.Errorf("slack: %w", err)}
	}
	body, err := slackPayload(p.Message)
	if err != nil {
		return permanent{fmt.Errorf("slack: %w", err)}
	}
	if err := d.post(ctx, place, s.CAFile, http.Header{}, body); err != nil {
		return fmt.Errorf("slack: %w", err)
	}
	return nil
}
