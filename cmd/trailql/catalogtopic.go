package main

const catalogHelp = `SHARED CATALOGS

  A shared catalog tells other engines (Trino, Spark, Athena, Snowflake, …) where
  the tables are. The warehouse's own catalog goes on to decide what they are: the
  shared one follows it, and the other engines read.

  trailql catalog copy --to URL      registers the newest version of the tables
  trailql convert --catalog URL …    does it behind each commit

  "catalog" in the configuration or $TRAILQL_CATALOG has the URL for both. No data
  is copied or rewritten, and doing it again changes only what is not current.

THE URL

  postgres://user@host:port/database
      Iceberg's SQL (JDBC) catalog. Its tables are made if there are none.
      ?catalog=NAME    that the other engines call the catalog (default trailql)
      &tls=false       without TLS, which is the default but on this machine
      &ca=FILE         a certificate of the authority that the server's is from

  rest+https://host:port/path        (rest+http:// on this machine alone)
      An Iceberg REST catalog: Polaris, Nessie, Gravitino, Lakekeeper, Unity and
      others. The path is what comes before /v1.
      ?warehouse=NAME  that the server knows, where it has several
      &prefix=PATH     where the server does not say it by itself
      &scope=NAME      of tokens (default catalog)
      &oauth=URL       that tokens come from (default PATH/v1/oauth/tokens)
      &sign=SERVICE    signs requests for AWS, with the credentials of the AWS
                       command line; &region=NAME is where
      &ca=FILE         as above

  glue://account?region=NAME
      The AWS Glue Data Catalog, which Athena reads. The account's number may be
      missing, and the region if $AWS_REGION or --aws-region has it. Credentials
      are those of the AWS command line. "trailql policy --catalog URL" prints what
      the caller has to be allowed.

  Behind each may stand ?namespace=NAME: the namespace (in Glue and PostgreSQL one
  says database or schema) that gets the tables (default default). It is made if
  there is none.

SECRETS are never in the URL, where others see them:

  $PGPASSWORD                  of PostgreSQL; or ~/.pgpass
  $TRAILQL_CATALOG_TOKEN       of REST: sent with every request
  $TRAILQL_CATALOG_CREDENTIAL  of REST: id:secret, to get a token with

  Each with _FILE behind the name is the name of a file that has it.

WHO MAY WRITE

  A table that another engine has written to is refused from then on: what it wrote
  is not in the warehouse. "trailql catalog adopt" takes in new rows, from PostgreSQL
  and Glue. Dropping the table there, without its files, makes it ours again.

  In PostgreSQL all tables change in one transaction, and over REST where the
  server has them. In Glue they change one after the other, each on the condition
  that nobody else has changed it. Over REST the server writes metadata files of its
  own, into the tables' metadata folders.
`
