package main

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/trailql/trailql/convert/clustersql"
)

// ddlConvertFlags are those of ddl --convert.
type ddlConvertFlags struct {
	wanted   bool
	archive  string
	regions  []string
	from, to string
	staging  string
	except   []string
}

func (f *ddlConvertFlags) add(flags *pflag.FlagSet) {
	flags.BoolVar(&f.wanted, "convert", false, "trino, athena: the SQL that converts the raw archive there, into the table")
	flags.StringSliceVar(&f.regions, "regions", nil, "with --convert: `REGIONS`, the folders below CloudTrail")
	flags.StringVar(&f.from, "from", "", "with --convert: first `DAY` of delivery")
	flags.StringVar(&f.to, "to", "", "with --convert: `DAY` behind the last (default today)")
	flags.StringArrayVar(&f.except, "except", nil, "with --convert: an `OBJECT` that the cluster cannot read, for \"trailql convert\"; may be given again")
	flags.StringVar(&f.archive, "archive-catalog", "hive", "with --convert, trino: `NAME` of the Hive catalog for the archive")
	flags.StringVar(&f.staging, "staging", "", "with --convert, athena: S3 `URI` of an empty folder for a table of the day's records")
}

var (
	accountFolder = regexp.MustCompile(`/[0-9]{9,12}$`)
	plainName     = regexp.MustCompile(`^[a-z_][a-z0-9_]*$`)
	regionName    = regexp.MustCompile(`^[a-z]+(-[a-z0-9]+)+$`)
)

// convertDDL is the SQL of ddl --convert.
func convertDDL(a *app, f ddlFlags) (string, error) {
	o := clustersql.Options{Location: strings.TrimRight(f.location, "/"), Regions: f.convert.regions, Except: f.convert.except}
	switch {
	case f.raw:
		return "", usagef("--raw and --convert: want one of them")
	case f.engine == "athena":
		o.Athena, o.Staging = true, strings.TrimRight(f.convert.staging, "/")
		if !plainName.MatchString(f.schema) {
			return "", usagef("--schema %q: want small letters, digits and underscores", f.schema)
		}
		if !strings.HasPrefix(o.Staging, "s3://") {
			return "", usagef("--convert --for athena needs --staging s3://…, an empty folder")
		}
		o.Tables, o.Archive = f.schema, f.schema
	case f.engine == "trino":
		if f.convert.staging != "" {
			return "", usagef("--staging is for athena")
		}
		o.Tables, o.Archive = sqlName(f.catalog)+"."+sqlName(f.schema), sqlName(f.convert.archive)+"."+sqlName(f.schema)
	default:
		return "", usagef("--convert is for trino and athena")
	}
	if !accountFolder.MatchString(o.Location) || strings.ContainsAny(o.Location, "${}") {
		return "", usagef("--convert needs --location, the folder of one account: …/AWSLogs/111122223333")
	}
	if strings.HasPrefix(o.Location, "/") {
		o.Location = "file://" + o.Location
	}
	if i := slices.IndexFunc(f.convert.regions, func(r string) bool { return !regionName.MatchString(r) }); i >= 0 {
		return "", usagef("--regions: %q is not a region", f.convert.regions[i])
	}
	if len(f.convert.regions) == 0 {
		return "", usagef("--convert needs --regions, the folders below %s/CloudTrail: us-east-1,eu-west-1", o.Location)
	}
	from, to, err := parseWindow(f.convert.from, f.convert.to)
	if err != nil {
		return "", err
	}
	if to.IsZero() {
		to = a.now().UTC().Truncate(24 * time.Hour)
	}
	if from.IsZero() || !from.Before(to) {
		return "", usagef("--convert needs --from, the first day of delivery, before --to")
	}
	o.First, o.Last = from.Truncate(24*time.Hour), to.Add(-1).Truncate(24*time.Hour)
	return convertHead(f) + clustersql.Script(o), nil
}

// convertHead says what the engine needs.
func convertHead(f ddlFlags) string {
	var b strings.Builder
	fmt.Fprintf(&b, "-- Conversion on the cluster, see docs/scale.md. Run it one statement after another; it can be stopped and run\n-- again at any time. What it cannot read, \"trailql convert\" takes afterwards, behind \"trailql catalog adopt\".\n")
	if f.engine == "athena" {
		b.WriteString("-- Athena, engine version 3. Not tested there: see docs/scale.md.\n\n")
		return b.String()
	}
	b.WriteString(`-- Trino. The properties of the catalog for the archive need hive.partition-projection-enabled=true,
-- hive.ignore-absent-partitions=true and hive.text.max-line-length=1GB: a file is one line.
`)
	for _, catalog := range []string{f.convert.archive, f.catalog} {
		fmt.Fprintf(&b, "CREATE SCHEMA IF NOT EXISTS %s.%s;\n", sqlName(catalog), sqlName(f.schema))
	}
	b.WriteString("\n")
	return b.String()
}
