package main

import (
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

const scaleDocument = "../../docs/scale.md"

// block is the fenced block of a language in a document.
func block(t *testing.T, document, language string) string {
	t.Helper()
	_, rest, ok := strings.Cut(document, "\n```"+language+"\n")
	text, _, closed := strings.Cut(rest, "\n```\n")
	if !ok || !closed {
		t.Fatalf("%s has no block of %s", scaleDocument, language)
	}
	return text
}

// TestJobsOfScaleDocument keeps the jobs in docs/scale.md such that the program
// takes their commands.
func TestJobsOfScaleDocument(t *testing.T) {
	text, err := os.ReadFile(scaleDocument)
	if err != nil {
		t.Fatal(err)
	}
	var job struct {
		APIVersion string `yaml:"apiVersion"`
		Kind       string
		Spec       struct {
			CompletionMode           string `yaml:"completionMode"`
			Completions, Parallelism int
			Template                 struct {
				Spec struct {
					RestartPolicy string `yaml:"restartPolicy"`
					Containers    []struct{ Args []string }
				}
			}
		}
	}
	if err := yaml.Unmarshal([]byte(block(t, string(text), "yaml")), &job); err != nil {
		t.Fatal(err)
	}
	s := job.Spec
	if job.APIVersion != "batch/v1" || job.Kind != "Job" || s.CompletionMode != "Indexed" || s.Completions < 2 || s.Completions != s.Parallelism ||
		s.Template.Spec.RestartPolicy != "Never" || len(s.Template.Spec.Containers) != 1 {
		t.Errorf("not an indexed job: %+v", job)
	}
	var definition struct {
		JobDefinitionName   string
		ContainerProperties struct{ Command []string }
		RetryStrategy       struct {
			EvaluateOnExit []struct{ OnExitCode, Action string }
		}
	}
	if err := json.Unmarshal([]byte(block(t, string(text), "json")), &definition); err != nil {
		t.Fatal(err)
	}
	if definition.JobDefinitionName == "" || len(definition.RetryStrategy.EvaluateOnExit) == 0 {
		t.Errorf("not a job definition: %+v", definition)
	}
	for _, args := range [][]string{s.Template.Spec.Containers[0].Args, definition.ContainerProperties.Command} {
		cmd, rest, err := newRootCommand(&app{}).Find(args)
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.ParseFlags(rest); err != nil {
			t.Errorf("%q: %v", args, err)
		}
		if together, err := cmd.Flags().GetBool("together"); err != nil || !together || cmd.Name() != "convert" || !slices.Equal(cmd.Flags().Args(), []string{"s3://example-trail/AWSLogs"}) {
			t.Errorf("%q: not a converter that shares its work", args)
		}
	}
}
