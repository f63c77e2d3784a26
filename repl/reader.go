package repl

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/trailql/trailql/engine/quantity"
)

// maxLine is how long a line of input may be.
const maxLine = 16 << 20

// LineReaderOptions are the options of a LineReader. In is required.
type LineReaderOptions struct {
	In io.Reader
	// Prompts is where prompts go; nil shows none, as for a file.
	Prompts io.Writer
	// Interrupts receives when the user wants to start the statement again; see
	// Options of a session.
	Interrupts <-chan struct{}
}

// LineReader is a Reader of plain lines: of a file or pipe, or of a terminal
// that cannot do more.
type LineReader struct {
	o     LineReaderOptions
	lines *bufio.Reader
	read  chan line // what the goroutine that waits for In has got
	asked bool      // it waits
	begin int       // the line that the last text starts in
	count int       // lines so far
}

type line struct {
	text string
	err  error
}

// NewLineReader makes one. It reads no more of In than its Read needs to, apart
// from a buffer.
func NewLineReader(o LineReaderOptions) *LineReader {
	return &LineReader{o: o, lines: bufio.NewReader(o.In), read: make(chan line, 1)}
}

// Read returns the lines up to the end of a statement or command. What stands
// at the end of the input need not be finished.
func (r *LineReader) Read(ctx context.Context, p Prompt) (string, error) {
	var text strings.Builder
	r.begin = r.count + 1
	for {
		r.prompt(p, text.Len() > 0)
		if !r.asked {
			r.asked = true
			go func() {
				text, err := r.line()
				r.read <- line{text, err}
			}()
		}
		select {
		case <-ctx.Done():
			return "", context.Cause(ctx)
		case <-r.o.Interrupts:
			if r.o.Prompts != nil {
				if text.Len() == 0 {
					fmt.Fprint(r.o.Prompts, "\nCtrl-D or .exit leaves")
				}
				fmt.Fprintln(r.o.Prompts)
			}
			text.Reset()
			r.begin = r.count + 1
			continue
		case l := <-r.read:
			r.asked = false
			r.count++
			text.WriteString(l.text)
			switch {
			case l.err == io.EOF && strings.TrimSpace(text.String()) == "":
				if r.o.Prompts != nil {
					fmt.Fprintln(r.o.Prompts)
				}
				return "", io.EOF
			case l.err == io.EOF: // the next Read ends
				return text.String(), nil
			case l.err != nil:
				return "", fmt.Errorf("read input: %w", l.err)
			}
		}
		if Finished(text.String()) {
			if strings.TrimSpace(text.String()) != "" {
				return text.String(), nil
			}
			text.Reset()
			r.begin = r.count + 1
		}
	}
}

// Line is the line of the file or pipe that the text of the last Read starts in.
func (r *LineReader) Line() int {
	if r.o.Prompts != nil {
		return 0
	}
	return r.begin
}

func (r *LineReader) prompt(p Prompt, more bool) {
	switch {
	case r.o.Prompts == nil:
	case more:
		fmt.Fprint(r.o.Prompts, p.Next)
	default:
		fmt.Fprint(r.o.Prompts, p.First)
	}
}

// line reads one, with its end.
func (r *LineReader) line() (string, error) {
	var text []byte
	for {
		part, err := r.lines.ReadSlice('\n')
		text = append(text, part...)
		switch {
		case errors.Is(err, bufio.ErrBufferFull) && len(text) < maxLine:
			continue
		case errors.Is(err, bufio.ErrBufferFull):
			return "", fmt.Errorf("a line is longer than %s", quantity.Bytes(maxLine))
		}
		return string(text), err
	}
}
