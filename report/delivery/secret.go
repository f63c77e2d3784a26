package delivery

import (
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"
)

var variableForm = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// secretSource checks that exactly one source of a secret is named.
func secretSource(what, env, file string) error {
	switch {
	case env == "" && file == "":
		return fmt.Errorf("no %s: want %s_env or %s_file", what, what, what)
	case env != "" && file != "":
		return fmt.Errorf("want only one of %s_env and %s_file", what, what)
	case env != "" && !variableForm.MatchString(env):
		// It may be the secret itself, by mistake: do not print it.
		return fmt.Errorf("%s_env is not the name of an environment variable", what)
	}
	return nil
}

// maxSecret is more than any password or URL.
const maxSecret = 64 << 10

// secret is the value of a variable or the content of a file without the line
// end. Errors name the source, never the value.
func (d *Deliverer) secret(what, env, file string) (string, error) {
	var value string
	if env != "" {
		value = d.getenv(env)
		if value == "" {
			return "", fmt.Errorf("%s: environment variable %s is not set", what, env)
		}
	} else {
		f, err := os.Open(file)
		if err != nil {
			return "", fmt.Errorf("%s: %w", what, err)
		}
		defer f.Close()
		data, err := io.ReadAll(io.LimitReader(f, maxSecret+1))
		if err != nil {
			return "", fmt.Errorf("%s: %w", what, err)
		}
		value = strings.TrimRight(string(data), "\r\n")
		if value == "" {
			return "", fmt.Errorf("%s: file %s is empty", what, file)
		}
	}
	if len(value) > maxSecret || strings.ContainsAny(value, "\r\n\x00") {
		return "", errors.New(what + ": more than one line, or too long")
	}
	return value, nil
}
