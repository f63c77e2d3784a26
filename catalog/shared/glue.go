package shared

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"regexp"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/glue"
	"github.com/aws/aws-sdk-go-v2/service/glue/types"
)

// Parameters by which readers know an Iceberg table in Glue and find its
// metadata; Iceberg's own GlueCatalog, Athena and Trino have them so.
const (
	glueType             = "table_type"
	glueIceberg          = "ICEBERG"
	glueLocation         = "metadata_location"
	gluePreviousLocation = "previous_metadata_location"
)

const wantGlue = "want glue://account?region=NAME, where the account's number may be missing"

var accountNumber = regexp.MustCompile(`^(\d{12})?$`)

func openGlue(text string, secrets Options) (*Publisher, error) {
	u, err := parseURL(text)
	if err != nil {
		return nil, fmt.Errorf("%w (%s)", err, wantGlue)
	}
	if !accountNumber.MatchString(u.Host) || u.User != nil || u.Path != "" && u.Path != "/" || u.Fragment != "" {
		return nil, errors.New(wantGlue)
	}
	given := u.Query()
	a := address{name: u.Host}
	if a.namespace, err = takeNamespace(given); err != nil {
		return nil, err
	}
	region := given.Get("region")
	given.Del("region")
	if err := noOthers(given, "namespace and region"); err != nil {
		return nil, err
	}
	return &Publisher{open: func(ctx context.Context) (registry, error) {
		g, err := connectGlue(ctx, a, region, secrets)
		return byLocation{g, a}, err
	}}, nil
}

// glueCatalog is a database of the Glue Data Catalog.
type glueCatalog struct {
	client *glue.Client
	address
	region string
	read   map[string]types.Table // as locations has found them
}

func connectGlue(ctx context.Context, a address, region string, secrets Options) (*glueCatalog, error) {
	if secrets.AWS == nil {
		return nil, errors.New("connect to Glue: there is no AWS configuration")
	}
	cfg, err := secrets.AWS(ctx)
	if err != nil {
		return nil, fmt.Errorf("connect to Glue: %w", err)
	}
	if region != "" {
		cfg.Region = region
	}
	if cfg.Region == "" {
		return nil, errors.New("connect to Glue: no region: ?region=NAME, --aws-region or $AWS_REGION has it")
	}
	return &glueCatalog{client: glue.NewFromConfig(cfg), address: a, region: cfg.Region}, nil
}

// account is nil for the caller's.
func (g *glueCatalog) account() *string {
	if g.name == "" {
		return nil
	}
	return &g.name
}

func (g *glueCatalog) locations(ctx context.Context) (map[string]string, error) {
	g.read = map[string]types.Table{}
	found := map[string]string{}
	pages := glue.NewGetTablesPaginator(g.client, &glue.GetTablesInput{CatalogId: g.account(), DatabaseName: &g.namespace})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if isGlue[*types.EntityNotFoundException](err) {
			return found, nil // there is no database yet
		}
		if err != nil {
			return nil, g.failure(ctx, "GetTables", "", err)
		}
		for _, t := range page.TableList {
			name := aws.ToString(t.Name)
			g.read[name], found[name] = t, t.Parameters[glueLocation]
		}
	}
	return found, nil
}

// replace changes one table after the other: Glue knows no more at once. A
// table is changed on the condition that its version is the one that was read.
func (g *glueCatalog) replace(ctx context.Context, changes []change) (done int, err error) {
	for i, c := range changes {
		if c.From == "" {
			err = g.create(ctx, c)
		} else {
			err = g.update(ctx, c)
		}
		if err != nil {
			return i, err
		}
	}
	return len(changes), nil
}

func (g *glueCatalog) create(ctx context.Context, c change) error {
	input, err := newGlueTable(c)
	if err != nil {
		return err
	}
	do := func() error {
		_, err := g.client.CreateTable(ctx, &glue.CreateTableInput{CatalogId: g.account(), DatabaseName: &g.namespace, TableInput: input})
		return err
	}
	if err = do(); isGlue[*types.EntityNotFoundException](err) {
		_, made := g.client.CreateDatabase(ctx, &glue.CreateDatabaseInput{CatalogId: g.account(), DatabaseInput: &types.DatabaseInput{Name: &g.namespace}})
		if made != nil && !isGlue[*types.AlreadyExistsException](made) {
			return g.failure(ctx, "CreateDatabase", "", made)
		}
		err = do()
	}
	if isGlue[*types.AlreadyExistsException](err) {
		return errChanged
	}
	return g.failure(ctx, "CreateTable", c.Table, err)
}

func (g *glueCatalog) update(ctx context.Context, c change) error {
	is, there := g.read[c.Table]
	if !there || is.Parameters[glueLocation] != c.From {
		return errChanged
	}
	input, err := newGlueTable(c)
	if err != nil {
		return err
	}
	// What others have said of the table stays.
	parameters := maps.Clone(is.Parameters)
	maps.Copy(parameters, input.Parameters)
	input.Parameters = parameters
	input.Description, input.Owner, input.Retention, input.TargetTable = is.Description, is.Owner, is.Retention, is.TargetTable
	_, err = g.client.UpdateTable(ctx, &glue.UpdateTableInput{
		CatalogId: g.account(), DatabaseName: &g.namespace, TableInput: input,
		VersionId:   is.VersionId,   // the condition
		SkipArchive: aws.Bool(true), // Glue keeps a limited number of versions, and Iceberg has its own
	})
	if isGlue[*types.ConcurrentModificationException](err) || isGlue[*types.EntityNotFoundException](err) {
		return errChanged
	}
	return g.failure(ctx, "UpdateTable", c.Table, err)
}

func newGlueTable(c change) (*types.TableInput, error) {
	columns, err := glueColumns(c.version.Schema())
	if err != nil {
		return nil, fmt.Errorf("table %s: %w", c.Table, err)
	}
	input := &types.TableInput{
		Name:       &c.Table,
		TableType:  aws.String("EXTERNAL_TABLE"),
		Parameters: map[string]string{glueType: glueIceberg, glueLocation: c.To},
		StorageDescriptor: &types.StorageDescriptor{
			Columns:  columns,
			Location: aws.String(c.version.Metadata().Location()),
		},
	}
	if c.From != "" {
		input.Parameters[gluePreviousLocation] = c.From
	}
	return input, nil
}

func (g *glueCatalog) close() error { return nil }

// arns are the resources that a policy has to name.
func (g *glueCatalog) arns() []string {
	partition := "aws"
	switch {
	case strings.HasPrefix(g.region, "cn-"):
		partition = "aws-cn"
	case strings.HasPrefix(g.region, "us-gov-"):
		partition = "aws-us-gov"
	}
	return GlueResources(partition, g.region, g.name, g.namespace)
}

// GlueActions are what publishing needs to be allowed in Glue.
func GlueActions() []string {
	return []string{"glue:CreateDatabase", "glue:CreateTable", "glue:GetTables", "glue:UpdateTable"}
}

// GlueResources are the ARNs that GlueActions are needed for. An empty region or
// account is a pattern for all.
func GlueResources(partition, region, account, namespace string) []string {
	if region == "" {
		region = "*"
	}
	if account == "" {
		account = "*"
	}
	prefix := "arn:" + partition + ":glue:" + region + ":" + account + ":"
	return []string{prefix + "catalog", prefix + "database/" + namespace, prefix + "table/" + namespace + "/*"}
}

// GlueAddress reads what an address of Glue says; ok is false for one of another
// catalog. An error wraps ErrAddress.
func GlueAddress(text string) (account, region, namespace string, ok bool, err error) {
	if !strings.HasPrefix(text, schemeGlue+"://") {
		return "", "", "", false, nil
	}
	p, err := Open(text, Options{})
	if err != nil {
		return "", "", "", true, err
	}
	_ = p.Close() // nothing was opened
	u, err := url.Parse(text)
	if err != nil {
		return "", "", "", true, err
	}
	given := u.Query()
	namespace, err = takeNamespace(given)
	return u.Host, given.Get("region"), namespace, true, err
}
