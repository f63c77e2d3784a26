package dialect

// Relations says which tables and views there are. Safe for concurrent use.
type Relations interface {
	// Relation finds one by its name in lower case, without a database in front;
	// nil when there is none. Rules of the dialect (any name that contains trail,
	// any name in Lake) are not its business.
	Relation(name string) *Relation
	// Names are those of all relations, for messages.
	Names() []string
}

// Relation is a table or view as a statement sees it.
type Relation struct {
	// Name is what the translation calls it.
	Name string
	// Columns in their order; nil when they are not known, so that any name may
	// be one.
	Columns []Column
	// Virtual are columns that * does not show and that are replaced in the text.
	Virtual []Virtual
	// Query is what ForTrino reads in place of the name; "" is the name itself.
	Query string
	// Bounded is Query where conditions on columns eventtimestamp and date of the
	// table below can stand in place of {bounds}; "" for none. Time is the column
	// of the view that is made of eventtimestamp.
	Bounded, Time string
}

// Column of a relation. Names are in lower case.
type Column struct {
	Name string
	Type Type
}

// Virtual is a column that is computed from others.
type Virtual struct {
	Name string
	// SQL is an expression of DuckDB's and Trino's; {name} stands for a real column, and is
	// replaced by it together with its qualifier.
	SQL  string
	Type Type
}
