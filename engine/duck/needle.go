//go:build cgo && duckdb_arrow

package duck

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"github.com/trailql/trailql/catalog"
)

// needlePaths are the columns with Bloom filters, under the names that they have
// in the table and in built-in views. DuckDB looks into the filters of columns
// by itself, but not into those of members of structs.
var needlePaths = func() map[string]string {
	paths := map[string]string{}
	for _, p := range []string{"eventid", "sharedeventid", "sourceipaddress", "useridentity.principalid", "useridentity.arn",
		"useridentity.accesskeyid", "useridentity.username", "useridentity.sessioncontext.sessionissuer.arn"} {
		paths[p] = p
	}
	return paths
}()

// tailpipePaths are those of aws_cloudtrail_log.
var tailpipePaths = map[string]string{
	"event_id": "eventid", "tp_id": "eventid", "shared_event_id": "sharedeventid", "source_ip_address": "sourceipaddress", "tp_source_ip": "sourceipaddress",
	"user_identity.principal_id": "useridentity.principalid", "user_identity.arn": "useridentity.arn", "user_identity.access_key_id": "useridentity.accesskeyid",
	"user_identity.user_name": "useridentity.username", "user_identity.session_context.session_issuer.arn": "useridentity.sessioncontext.sessionissuer.arn",
}

// needlesOn are the terms path = 'text' and path IN ('a', 'b') on this table. The
// texts may be parameters.
func (s scope) needlesOn(table object, r *relation, params []any) []catalog.Needle {
	paths := needlePaths
	if r.shape != nil && r.shape.needles != nil {
		paths = r.shape.needles
	}
	if r.facts == nil || len(list(table, "column_name_alias")) > 0 || table["sample"] != nil {
		return nil
	}
	alias := text(table, "alias")
	if alias == "" {
		alias = text(table, "table_name")
	}
	var needles []catalog.Needle
	for _, term := range s.terms {
		var of any
		var values []any
		switch text(term, "type") {
		case "COMPARE_EQUAL":
			of, values = term["left"], []any{term["right"]}
			if _, ok := givenText(of, params); ok {
				of, values = term["right"], []any{of}
			}
		case "COMPARE_IN":
			if children := list(term, "children"); len(children) > 1 {
				of, values = children[0], children[1:]
			}
		}
		column, ok := paths[dottedPath(of, alias)]
		n := catalog.Needle{Column: column}
		for _, v := range values {
			t, isText := givenText(v, params)
			ok = ok && isText
			n.Values = append(n.Values, t)
		}
		if ok {
			needles = append(needles, n)
		}
	}
	return needles
}

// givenText is a text of the statement, or a parameter that is one.
func givenText(v any, params []any) (string, bool) {
	o, _ := v.(object)
	if text(o, "class") != "PARAMETER" {
		return plainText(v)
	}
	n, err := strconv.Atoi(text(o, "identifier"))
	if err != nil || n < 1 || n > len(params) {
		return "", false
	}
	t, ok := params[n-1].(string)
	return t, ok
}

// dottedPath is the path of a column or member in lower case, without the
// table's name.
func dottedPath(v any, alias string) string {
	o, _ := v.(object)
	if text(o, "class") != "COLUMN_REF" {
		return ""
	}
	var names []string
	for _, n := range list(o, "column_names") {
		name, _ := n.(string)
		names = append(names, strings.ToLower(name))
	}
	if len(names) > 1 && names[0] == strings.ToLower(alias) {
		names = names[1:]
	}
	return strings.Join(names, ".")
}

// withNeedles leaves out the files whose filters say that no place finds rows.
func (u *use) withNeedles(ctx context.Context, files []catalog.DataFile) ([]catalog.DataFile, error) {
	if len(files) == 0 || slices.ContainsFunc(u.places, func(p place) bool { return len(p.needles) == 0 }) {
		return files, nil
	}
	wanted := map[string]bool{}
	for _, p := range u.places {
		kept, err := u.table.WithNeedles(ctx, files, p.needles)
		if err != nil {
			return nil, err
		}
		for _, f := range kept {
			wanted[f.Path] = true
		}
	}
	return slices.DeleteFunc(slices.Clone(files), func(f catalog.DataFile) bool { return !wanted[f.Path] }), nil
}
