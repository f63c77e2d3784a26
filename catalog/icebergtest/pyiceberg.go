// Package icebergtest lets tests read a table with pyiceberg, an implementation
// of Apache Iceberg that is not ours.
package icebergtest

import (
	"encoding/json"
	"os"
	"os/exec"
	"testing"
)

// PythonVariable is the environment variable that names an interpreter with
// pyiceberg and pyarrow; unset, python3 is tried.
const PythonVariable = "TRAILQL_TEST_PYTHON"

// Python runs a script with pyiceberg and decodes the JSON that it prints into
// result. It skips the test if pyiceberg is not installed.
func Python(t testing.TB, script string, args []string, result any) {
	t.Helper()
	python := os.Getenv(PythonVariable)
	if python == "" {
		python = "python3"
	}
	if out, err := exec.Command(python, "-c", "import pyiceberg, pyarrow").CombinedOutput(); err != nil {
		t.Skipf("%s has no pyiceberg with pyarrow (%v): make pyiceberg installs them, %s names another interpreter. %s", python, err, PythonVariable, out)
	}
	cmd := exec.CommandContext(t.Context(), python, append([]string{"-c", script}, args...)...)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(out, result); err != nil {
		t.Fatalf("%v in %s", err, out)
	}
}
