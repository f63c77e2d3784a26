package dialect

// DefaultTable is what a SELECT without FROM reads.
const DefaultTable = "cloudtrail_logs"

// Dialect is the SQL that a statement is written in.
type Dialect uint8

const (
	Athena Dialect = iota // Trino's SQL, and what people write in it
	Lake                  // CloudTrail Lake: Trino's, and any table name is the event data store
	DuckDB                // the local engine's own: nothing is translated but a SELECT without FROM
)

func (d Dialect) String() string {
	switch d {
	case Lake:
		return "lake"
	case DuckDB:
		return "duckdb"
	}
	return "athena"
}

// Target is the engine that a translation is for.
type Target uint8

const (
	ForDuckDB Target = iota
	// ForTrino leaves a statement as it is, but for what this package adds to the
	// language: see trino.go.
	ForTrino
)

// Options of a translation. The zero value is ready to use.
type Options struct {
	Dialect   Dialect
	Target    Target
	Table     string    // read by a SELECT without FROM; default DefaultTable, in Lake LakeTable
	Relations Relations // default StandardRelations
	// Database is the one that ForTrino takes a name with it in front as a name
	// without one for.
	Database string
	// Databases are all that ForTrino's engine has, in lower case; another one in
	// front of a name is dropped. nil: nobody knows.
	Databases []string
	// Literals are the parameters as ForTrino writes them into the text.
	Literals []string
}

// Kind says what a statement asks for.
type Kind uint8

const (
	Query           Kind = iota // SQL: SELECT, VALUES, WITH, TABLE
	Explain                     // SQL
	ExplainAnalyze              // SQL
	ShowTables                  // Database, Pattern
	ShowColumns                 // Name
	Describe                    // Name, or SQL for a query (dialect DuckDB)
	ShowPartitions              // Name
	ShowDatabases               // Pattern
	ShowViews                   // Database, Pattern
	ShowCreateTable             // Name
	ShowCreateView              // Name
	CreateView                  // Name, Replace, IfExists; Source is to be kept, SQL proves that it runs
	DropView                    // Name, IfExists
	CreateTable                 // Table: a pasted CREATE EXTERNAL TABLE over CloudTrail logs
	DropTable                   // Name, IfExists: of a registered name
	Unload                      // SQL, Location, Properties
	Prepare                     // Name, SQL, Source, Parameters
	Execute                     // Name, Arguments
	Deallocate                  // Name
	NotNeeded                   // Note: what Athena needs and this engine does not
)

// Statement is a translated statement. Names are in lower case, without quotes
// and without the database in front.
type Statement struct {
	Kind       Kind
	SQL        string    // the target's, of the query inside; "" when there is none
	Source     string    // the query inside as it was written; ForTrino also all of a SHOW or DESCRIBE
	Macros     []string  // names of the functions of [Functions] that SQL calls by their Macro name, sorted
	Parameters int       // how many values SQL wants for ? (the highest N of $N)
	Marks      []int     // where each ? stands in the source, in bytes
	Virtual    []Virtual // of a table that the query passes on by *, as Athena's * has partition columns

	Name       string            // of the table, view or prepared statement
	Database   string            // of SHOW TABLES IN …; "" means the default one
	Pattern    string            // LIKE pattern of SHOW …; "" means all. Options of EXPLAIN in parentheses, ForTrino
	Replace    bool              // CREATE OR REPLACE
	IfExists   bool              // IF EXISTS, or IF NOT EXISTS
	Location   string            // of UNLOAD
	Properties map[string]string // WITH (…) of UNLOAD; keys in lower case
	Arguments  []any             // of EXECUTE … USING: nil, bool, int64, float64 or string
	Table      *Table            // of CREATE EXTERNAL TABLE
	Note       string            // why NotNeeded

	source string
	spans  []span // of SQL, in order
}

// Position converts an offset in SQL, in bytes, to a place in the source: line
// and column from 1, the column in characters.
func (s *Statement) Position(offset int) (line, column int) {
	return Position(s.source, sourceOffset(s.spans, offset))
}

// Table is what a CREATE EXTERNAL TABLE says, once it is known to mean
// CloudTrail logs.
type Table struct {
	Name       string
	IfExists   bool     // IF NOT EXISTS
	Columns    []string // in the order of the statement, in lower case
	Unknown    []string // columns that CloudTrail records do not have; they are NULL
	Partition  []Virtual
	Location   string
	Properties map[string]string // TBLPROPERTIES
}

// Relation is the table under its registered name: base's columns, this
// statement's partition columns.
func (t *Table) Relation(base *Relation) *Relation {
	return &Relation{Name: base.Name, Columns: base.Columns, Virtual: append(append([]Virtual{}, t.Partition...), base.Virtual...)}
}
