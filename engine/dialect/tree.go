package dialect

// The syntax tree keeps places, not text: a translation copies the source and
// replaces parts of it.

type extent struct{ start, end int } // in bytes of the source

type exprKind uint8

const (
	literalExpr  exprKind = iota // a number, TRUE, FALSE, NULL; op says which: "number", "true", …
	stringExpr                   // text is its value
	typedExpr                    // DATE '…'; op is the type in upper case
	intervalExpr                 // args[0] is the quantity, op the unit in lower case
	parameterExpr
	columnExpr // parts
	starExpr   // *, parts.*
	callExpr
	castExpr // args[0], typ; op is CAST or TRY_CAST
	unaryExpr
	binaryExpr  // op: + - * / % || and DuckDB's others
	compareExpr // op: = <> < <= > >=
	logicExpr   // op: AND OR NOT
	betweenExpr
	inExpr // args[0] IN args[1:] or query
	likeExpr
	isExpr   // op: NULL, DISTINCT, TRUE …
	caseExpr // args: operand, then WHEN, THEN pairs, then ELSE; nil where absent
	existsExpr
	queryExpr
	arrayExpr
	rowExpr       // (a, b) or ROW(a, b)
	parenExpr     // (a)
	subscriptExpr // args[0][args[1]]
	memberExpr    // args[0].parts
	lambdaExpr    // parts -> args[0]
	zoneExpr      // args[0] AT TIME ZONE args[1]
	extractExpr   // EXTRACT(op FROM args[0])
	opaqueExpr    // DuckDB's own; args are read, the rest is copied
)

type expr struct {
	extent
	kind   exprKind
	op     string
	text   string
	not    bool // NOT IN, NOT LIKE, IS NOT …
	parts  []part
	args   []*expr
	typ    typeName
	query  *query
	call   *call
	opAt   extent // of the operator
	typAt  extent // of the type of a cast
	syntax string // "::" for a cast of that form

	// What the analysis finds.
	result  Type
	zoned   *expr    // of a Zoned: the instant
	head    string   // of a name in one pair of backticks: the column
	virtual *meaning // of a virtual column
}

// part of a dotted name.
type part struct {
	extent
	text   string // as it is called, its case kept
	quoted bool
}

// call is what a function call has besides its arguments.
type call struct {
	name     extent
	distinct bool
	star     bool
	order    []*expr
	orderAt  extent // ORDER BY … inside the parentheses
	filter   *expr
	within   []*expr // WITHIN GROUP (ORDER BY …)
	withinAt extent
	over     *window
	tail     int    // offset of the closing parenthesis of the arguments
	nulls    extent // IGNORE NULLS or RESPECT NULLS, which stand behind it
}

type window struct {
	partition, order []*expr
	frame            []*expr
}

type query struct {
	extent
	with   []*cte
	body   *body
	order  []*expr
	limits []*expr
	// recursive WITH: a query may read itself.
	recursive bool
}

type cte struct {
	name    part
	columns []part
	query   *query
}

type bodyKind uint8

const (
	selectBody bodyKind = iota
	valuesBody
	tableBody // TABLE name
	setBody
	queryBody // in parentheses
)

type body struct {
	extent
	kind        bodyKind
	left, right *body
	query       *query
	rows        []*expr
	from        []*source // of SELECT, TABLE
	distinct    bool
	distinctOn  []*expr
	items       []*item
	where       *expr
	group       []*expr
	groupAll    bool
	having      *expr
	qualify     *expr
	windows     []*namedWindow
}

type namedWindow struct {
	name   part
	window *window
}

type item struct {
	extent
	expr    *expr
	alias   *part
	extras  []*expr // of * REPLACE (…)
	exclude bool    // * EXCLUDE, REPLACE …
}

type sourceKind uint8

const (
	tableSource sourceKind = iota
	querySource
	unnestSource
	functionSource
	joinSource
	parenSource
	valuesSource
)

type source struct {
	extent
	kind       sourceKind
	name       []part // of a table
	nameAt     extent
	version    string // "TIMESTAMP" or "VERSION" of FOR … AS OF
	versionAt  extent
	versionIs  *expr
	alias      *part
	aliasAt    extent // AS alias (columns)
	columns    []part
	query      *query
	lateral    bool
	args       []*expr // of UNNEST or a table function
	ordinality bool
	callAt     extent // UNNEST(…) WITH ORDINALITY
	left       *source
	right      *source
	on         *expr
	using      []part
	natural    bool
	outer      bool // any join but an inner one
	sample     extent
}
