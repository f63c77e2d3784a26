package trino

import (
	"strings"
	"testing"
)

func TestAddress(t *testing.T) {
	tests := []struct {
		name string
		o    Options
		want string // base, user, catalog, schema, or the error
	}{
		{"plain", Options{Address: "trino://ann@h:8080/iceberg/logs"}, "http://h:8080 ann iceberg logs"},
		{"default port", Options{Address: "trino://ann@h/iceberg/logs"}, "http://h:8080 ann iceberg logs"},
		{"tls", Options{Address: "trino://ann@h/c/s?tls=true"}, "https://h:443 ann c s"},
		{"port of https", Options{Address: "trino://ann@h:443/c/s"}, "https://h:443 ann c s"},
		{"password means tls", Options{Address: "trino://ann@h:8443/c/s", Password: "x"}, "https://h:8443 ann c s"},
		{"password on this machine", Options{Address: "trino://ann@localhost:8080/c/s", Password: "x"}, "http://localhost:8080 ann c s"},
		{"password without tls", Options{Address: "trino://ann@h:8080/c/s?tls=false", Password: "x"}, "sent over TLS only"},
		{"token without tls", Options{Address: "trino://ann@h:8080/c/s?tls=false", Token: "x"}, "sent over TLS only"},
		{"password in it", Options{Address: "trino://ann:secret@h:8080/c/s"}, "no password in the address"},
		{"no user", Options{Address: "trino://h:8080/c/s"}, "user or host is missing"},
		{"no schema", Options{Address: "trino://ann@h:8080/c"}, "schema is missing"},
		{"other scheme", Options{Address: "http://ann@h:8080/c/s"}, "want trino://"},
		{"unknown parameter", Options{Address: "trino://ann@h:8080/c/s?ssl=1"}, `unknown parameter "ssl"`},
		{"no URL", Options{Address: "trino://ann:secret@h:80 80/c/s"}, "want trino://"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a, err := tt.o.address()
			got := a.base.String() + " " + a.user + " " + a.catalog + " " + a.schema
			if err != nil {
				got = err.Error()
			}
			if !strings.Contains(got, tt.want) || strings.Contains(got, "secret") {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}
