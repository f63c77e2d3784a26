package complete

import "strings"

// keywords are the words that are no names, in upper case by lower case. A word
// that is more often a column's name than a keyword (type, date, region, …) is
// not among them.
var keywords = func() map[string]string {
	all := map[string]string{}
	for _, word := range strings.Fields(`
		ALL ALTER ANALYZE AND ANTI ANY AS ASC ASOF BETWEEN BY CASE CAST COLUMNS CREATE CROSS CUBE CURRENT_DATE CURRENT_TIMESTAMP
		CURRENT_TIME DATABASES DEALLOCATE DELETE DESC DESCRIBE DISTINCT DROP ELSE END ESCAPE EXCEPT EXCLUDE EXECUTE EXISTS EXPLAIN
		FALSE FETCH FILTER FOLLOWING FROM FULL GROUP GROUPING HAVING ILIKE IN INNER INSERT INTERSECT INTERVAL INTO IS JOIN LATERAL LEFT LIKE LIMIT
		MATERIALIZED NATURAL NOT NULL NULLS OFFSET ON OR ORDER ORDINALITY OUTER OVER PARTITION PIVOT POSITIONAL PRECEDING PREPARE QUALIFY RANGE
		RECURSIVE REPLACE RIGHT ROLLUP ROWS SELECT SEMI SETS SHOW SIMILAR SOME SUMMARIZE TABLE TABLES TABLESAMPLE THEN TO TRUE TRY_CAST
		UNBOUNDED UNION UNLOAD UNNEST UNPIVOT UPDATE USING VALUES VIEW VIEWS WHEN WHERE WINDOW WITH WITHIN`) {
		all[strings.ToLower(word)] = word
	}
	return all
}()

const longestKeyword = 20

// keyword is the word in upper case if it is a keyword, else "".
func keyword(word string) string {
	if len(word) > longestKeyword {
		return ""
	}
	var lower [longestKeyword]byte
	for i := range len(word) {
		lower[i] = lowerByte(word[i])
	}
	return keywords[string(lower[:len(word)])]
}

func lowerByte(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}

// notReserved are keywords that may be a table's or column's name all the same.
func notReserved(word string) bool {
	switch word {
	case "ANALYZE", "COLUMNS", "DATABASES", "EXCLUDE", "FILTER", "FOLLOWING", "MATERIALIZED", "NULLS", "ORDINALITY", "PARTITION",
		"PRECEDING", "RANGE", "REPLACE", "ROWS", "SETS", "SHOW", "SUMMARIZE", "TABLES", "VIEW", "VIEWS", "WITHIN", "UNBOUNDED", "INTERVAL", "OVER", "TO":
		return true
	}
	return false
}

// needsQuotes is true of a name that cannot be written as a plain word.
func needsQuotes(name string) bool {
	if name == "" || '0' <= name[0] && name[0] <= '9' {
		return true
	}
	for i := range len(name) {
		c := name[i]
		if !('a' <= c && c <= 'z' || '0' <= c && c <= '9' || c == '_' || c == '.') {
			return true
		}
	}
	word := keyword(name)
	return word != "" && !notReserved(word)
}

// What may follow where an expression ends, by the clause.
var (
	comparisons = []string{"AND", "OR", "IN", "NOT IN", "LIKE", "NOT LIKE", "IS NULL", "IS NOT NULL", "BETWEEN"}
	caseParts   = []string{"WHEN", "THEN", "ELSE", "END"}
	following   = map[clause][]string{
		inSelect:  {"FROM", "AS", "WHERE", "GROUP BY", "ORDER BY", "LIMIT", "OVER", "FILTER", "UNION ALL", "UNION", "EXCEPT", "INTERSECT"},
		inFrom:    {"WHERE", "AS", "JOIN", "LEFT JOIN", "CROSS JOIN", "INNER JOIN", "RIGHT JOIN", "FULL JOIN", "ON", "USING", "GROUP BY", "ORDER BY", "LIMIT", "TABLESAMPLE", "UNION ALL", "UNION", "EXCEPT", "INTERSECT", "WITH ORDINALITY"},
		inOn:      {"WHERE", "JOIN", "LEFT JOIN", "CROSS JOIN", "GROUP BY", "ORDER BY", "LIMIT"},
		inWhere:   {"GROUP BY", "ORDER BY", "LIMIT", "UNION ALL", "UNION", "EXCEPT", "INTERSECT"},
		inGroupBy: {"HAVING", "ORDER BY", "LIMIT", "UNION ALL"},
		inHaving:  {"ORDER BY", "LIMIT", "UNION ALL"},
		inOrderBy: {"DESC", "ASC", "NULLS LAST", "NULLS FIRST", "LIMIT"},
		inLimit:   {"OFFSET", "UNION ALL"},
	}
	operandWords   = []string{"CASE", "CAST", "TRY_CAST", "NOT", "EXISTS", "NULL", "TRUE", "FALSE", "CURRENT_DATE", "CURRENT_TIMESTAMP", "INTERVAL", "DATE", "TIMESTAMP"}
	statementWords = []string{"SELECT", "WITH", "SHOW TABLES", "SHOW COLUMNS FROM", "SHOW PARTITIONS", "SHOW VIEWS", "SHOW CREATE TABLE", "SHOW CREATE VIEW",
		"DESCRIBE", "EXPLAIN", "EXPLAIN ANALYZE", "CREATE VIEW", "CREATE OR REPLACE VIEW", "DROP VIEW", "VALUES", "TABLE", "UNLOAD", "PREPARE", "EXECUTE", "DEALLOCATE PREPARE"}
	localStatementWords = []string{"FROM", "SUMMARIZE"}
	sqlTypes            = []string{"VARCHAR", "BIGINT", "INTEGER", "DOUBLE", "DECIMAL", "BOOLEAN", "DATE", "TIME", "TIMESTAMP", "TIMESTAMP WITH TIME ZONE", "JSON", "ARRAY", "MAP", "ROW", "IPADDRESS", "IPPREFIX"}
	units               = []string{"DAY", "HOUR", "MINUTE", "SECOND", "WEEK", "MONTH", "YEAR"}
)
