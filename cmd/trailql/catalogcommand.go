package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/spf13/cobra"

	"github.com/trailql/trailql/catalog"
	"github.com/trailql/trailql/catalog/shared"
	"github.com/trailql/trailql/catalog/storage/s3"
)

const sharedHelp = "postgres://…, rest+https://… or glue://…"

func newCatalogCommand(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "catalog COMMAND",
		Short:   "Register the tables where other engines find them",
		Example: "  trailql catalog copy --to postgres://trailql@db.example.com/lake",
	}
	to := ""
	copying := &cobra.Command{
		Use:   "copy --to URL",
		Short: "Register the tables in a catalog that other engines open",
		Long: `Registers the newest version of the warehouse's tables in a shared catalog. No
data is copied or rewritten, and doing it again registers only what is newer.
"trailql convert --catalog URL" does it behind each commit.

URL is one of these; "trailql help catalog" says what may stand behind it, and
where secrets come from:

  postgres://user@host:port/database  Iceberg's SQL (JDBC) catalog
  rest+https://host/path              an Iceberg REST catalog
  glue://account?region=NAME          the AWS Glue Data Catalog, which Athena reads

The warehouse's own catalog goes on to decide what the tables are: the other
engines read. A table that one of them has written to is refused until "trailql catalog
adopt" has taken that in.`,
		Example: `  trailql catalog copy --to 'postgres://trailql@db.example.com/lake?namespace=audit'
  trailql catalog copy --to 'rest+https://polaris.example.com/api/catalog?warehouse=lake'
  trailql catalog copy --to 'glue://?region=eu-west-1&namespace=audit' --warehouse s3://lake/trail`,
		Args: usageArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return withShared(cmd.Context(), a, "to", to, sharedHelp, func(p *shared.Publisher, c *catalog.Catalog) error {
				return copyCatalog(cmd.Context(), a, p, c)
			})
		},
	}
	copying.Flags().StringVar(&to, "to", "", "`URL` of the catalog (default: catalog in the configuration, or $"+catalogVariable+")")
	cmd.AddCommand(copying, newCatalogAdoptCommand(a))
	return cmd
}

const catalogVariable = "TRAILQL_CATALOG"

// withShared calls do with the warehouse and the shared catalog at an address, which
// a flag has given, or else the configuration. want is for who has given none.
func withShared(ctx context.Context, a *app, flag, address, want string, do func(*shared.Publisher, *catalog.Catalog) error) (err error) {
	address = cmp.Or(address, a.config.text("catalog"))
	if address == "" {
		return usagef("no catalog given: --%s %s", flag, want)
	}
	p, err := openShared(a, flag, address)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.Close()) }()
	c, err := a.openWarehouse(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	return do(p, c)
}

func copyCatalog(ctx context.Context, a *app, p *shared.Publisher, c *catalog.Catalog) error {
	changes, err := p.Publish(ctx, c)
	if err != nil {
		return err
	}
	for _, change := range changes {
		a.note("registered %s: %s", change.Table, change.To)
	}
	if len(changes) == 0 {
		a.note("all tables are registered as they are")
	}
	return nil
}

func openShared(a *app, flag, address string) (*shared.Publisher, error) {
	o := shared.Options{AWS: func(ctx context.Context) (aws.Config, error) { return s3.Config(ctx, a.s3) }}
	for variable, is := range map[string]*string{"PGPASSWORD": &o.Password, "TRAILQL_CATALOG_TOKEN": &o.Token, "TRAILQL_CATALOG_CREDENTIAL": &o.Credential} {
		var err error
		if *is, err = secret(variable); err != nil {
			return nil, err
		}
	}
	p, err := shared.Open(address, o)
	if err != nil {
		return nil, usagef("--%s: %w", flag, err)
	}
	return p, nil
}

// checkCatalog is for configuration, which names no secret and connects to
// nothing.
func checkCatalog(text string) error {
	if scheme, _, _ := strings.Cut(text, "://"); text != "" && !slices.Contains(shared.Schemes(), scheme) {
		return fmt.Errorf("%q: want %s", scheme+"://…", sharedHelp)
	}
	return nil
}

const (
	// publishTimeout bounds how long a commit waits for the shared catalog.
	publishTimeout = 30 * time.Second
	// publishTries are those at the end of a run.
	publishTries = 3
)

// publication keeps a shared catalog current while a run converts.
type publication struct {
	catalog *catalog.Catalog // before the first commit
	warn    func(error)      // of a failure that is tried again

	mu        sync.Mutex
	publisher *shared.Publisher
	behind    error // why the newest version is not registered
}

// openPublication is nil without an address.
func openPublication(a *app, address string) (*publication, error) {
	if address == "" {
		return nil, nil
	}
	p, err := openShared(a, "catalog", address)
	if err != nil {
		return nil, err
	}
	return &publication{publisher: p}, nil
}

// committed registers a version that has just been committed. What fails is
// left to the next commit, and to finish.
func (p *publication) committed(ctx context.Context) {
	p.mu.Lock()
	defer p.mu.Unlock()
	before := p.behind
	if p.publish(ctx); p.behind != nil && before == nil {
		p.warn(p.behind)
	}
}

func (p *publication) publish(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, publishTimeout)
	defer cancel()
	_, p.behind = p.publisher.Publish(ctx, p.catalog)
}

// catchUp registers what could not be before, also where there was no other
// commit. nil does nothing.
func (p *publication) catchUp(ctx context.Context) {
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.behind != nil {
		p.publish(ctx)
	}
}

// finishPublication ends a run that has ended in err, which says more of it than
// that the shared catalog is behind.
func (a *app) finishPublication(ctx context.Context, p *publication, err error) error {
	behind := p.finish(ctx)
	if err == nil || behind == nil {
		return errors.Join(err, behind)
	}
	a.warn("%v", behind)
	return err
}

// finish registers the newest version, whoever made it and when: a run before
// may have died between its commit and this.
func (p *publication) finish(ctx context.Context) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	ctx = context.WithoutCancel(ctx)
	for try := 1; ; try++ {
		p.publish(ctx)
		if p.behind == nil || errors.Is(p.behind, shared.ErrForeign) || try == publishTries {
			break
		}
		time.Sleep(time.Duration(try) * time.Second)
	}
	err := p.publisher.Close()
	if p.behind != nil {
		err = fmt.Errorf("the warehouse is up to date, the shared catalog is not: %w", p.behind)
		if errors.Is(p.behind, shared.ErrForeign) {
			err = fmt.Errorf("%w\ntrailql catalog adopt takes in what another engine has added", err)
		}
	}
	return err
}
