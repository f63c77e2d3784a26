package dialect

import "strings"

// formatTime is date_format and format_datetime.
func (a *analysis) formatTime(e *expr, types []Type) (Type, bool) {
	if format, ok := a.timeFormat(e); ok {
		a.patches.replaceText(e.args[1].extent, quoteText(format))
		a.patches.replaceText(e.call.name, "strftime")
	}
	return Type{Kind: Text}, true
}

// parseTime is date_parse and parse_datetime.
func (a *analysis) parseTime(e *expr, types []Type) (Type, bool) {
	format, ok := a.timeFormat(e)
	if ok {
		a.asText(e.args[0], types[0])
		if year := missingYear(format); year != "" {
			a.patches.wrap(e.args[0].extent, "'"+year+" ' || (", ")")
			format = "%Y " + format
		}
		a.patches.replaceText(e.args[1].extent, quoteText(format))
		a.patches.replaceText(e.call.name, "strptime")
	}
	if e.op == "date_parse" {
		return Type{Kind: Timestamp, Scale: 3}, true
	}
	if ok {
		a.patches.wrap(e.extent, "CAST(", " AS TIMESTAMPTZ)")
	}
	return Type{Kind: TimestampTZ, Scale: 3}, true
}

// missingYear is the year of a time whose format has none, "" where it has one:
// that of 1970-01-01, or to Joda-Time 2000 for a month or day without its year.
// DuckDB's is 1900.
func missingYear(format string) string {
	year := "1970"
	for i := 0; i+1 < len(format); i++ {
		if format[i] != '%' {
			continue
		}
		if i++; format[i] == '-' && i+1 < len(format) {
			i++
		}
		switch format[i] {
		case 'Y', 'y', 'G':
			return ""
		case 'm', 'd', 'b', 'B', 'j':
			year = "2000"
		}
	}
	return year
}

// timeFormat translates the format, which is the second argument.
func (a *analysis) timeFormat(e *expr) (string, bool) {
	if len(e.args) != 2 {
		a.fail(e.start, e.op+" takes a value and a format", "")
		return "", false
	}
	f := e.args[1]
	if f.kind != stringExpr {
		a.fail(f.start, "the format has to be a constant", "")
		return "", false
	}
	var format, problem string
	if e.op == "date_format" || e.op == "date_parse" {
		format, problem = mysqlFormat(f.text)
	} else {
		format, problem = jodaFormat(f.text)
	}
	if problem != "" {
		a.fail(f.start, "format: "+problem, "")
		return "", false
	}
	return format, true
}

// mysqlFormats are the letters behind % in MySQL's formats, which Trino has, as
// strftime has them.
var mysqlFormats = map[byte]string{
	'a': "%a", 'b': "%b", 'c': "%-m", 'd': "%d", 'e': "%-d", 'f': "%f", 'H': "%H", 'h': "%I", 'I': "%I", 'i': "%M", 'j': "%j",
	'k': "%-H", 'l': "%-I", 'M': "%B", 'm': "%m", 'p': "%p", 'r': "%I:%M:%S %p", 'S': "%S", 's': "%S", 'T': "%H:%M:%S",
	'v': "%V", 'W': "%A", 'x': "%G", 'Y': "%Y", 'y': "%y", '%': "%%",
}

func mysqlFormat(f string) (format, problem string) {
	var b strings.Builder
	for i := 0; i < len(f); i++ {
		if f[i] != '%' {
			b.WriteByte(f[i])
			continue
		}
		i++
		if i == len(f) {
			return "", "it ends with %"
		}
		switch known, ok := mysqlFormats[f[i]]; {
		case ok:
			b.WriteString(known)
		case strings.IndexByte("DUuVwX", f[i]) >= 0:
			return "", "%" + f[i:i+1] + " is not supported"
		default:
			b.WriteByte(f[i])
		}
	}
	return b.String(), ""
}

// jodaFormat translates the formats of Joda-Time. Published queries have quotes
// that are not closed: the rest is text then.
func jodaFormat(f string) (format, problem string) {
	var b strings.Builder
	literal := func(s string) { b.WriteString(strings.ReplaceAll(s, "%", "%%")) }
	for i := 0; i < len(f); {
		c := f[i]
		if c == '\'' {
			if i+1 < len(f) && f[i+1] == '\'' {
				literal("'")
				i += 2
				continue
			}
			for i++; i < len(f); i++ {
				if f[i] == '\'' {
					if i++; i == len(f) || f[i] != '\'' {
						break
					}
				}
				literal(f[i : i+1])
			}
			continue
		}
		n := 1
		for i+n < len(f) && f[i+n] == c {
			n++
		}
		letter, ok := jodaLetter(c, n)
		switch {
		case ok:
			b.WriteString(letter)
		case 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' && c != 'T':
			return "", f[i:i+n] + " is not supported"
		default:
			literal(f[i : i+n])
		}
		i += n
	}
	return b.String(), ""
}

func jodaLetter(c byte, n int) (string, bool) {
	pick := func(short, long string) (string, bool) {
		if n == 1 {
			return short, true
		}
		return long, true
	}
	switch c {
	case 'y', 'Y':
		if n == 2 {
			return "%y", true
		}
		return "%Y", true
	case 'x':
		return "%G", true
	case 'w':
		return "%V", true
	case 'M':
		switch n {
		case 1:
			return "%-m", true
		case 2:
			return "%m", true
		case 3:
			return "%b", true
		}
		return "%B", true
	case 'd':
		return pick("%-d", "%d")
	case 'D':
		return "%j", true
	case 'H':
		return pick("%-H", "%H")
	case 'h':
		return pick("%-I", "%I")
	case 'm':
		return pick("%-M", "%M")
	case 's':
		return pick("%-S", "%S")
	case 'S':
		switch {
		case n == 3:
			return "%g", true
		case n == 6:
			return "%f", true
		}
		return "", false
	case 'E':
		if n <= 3 {
			return "%a", true
		}
		return "%A", true
	case 'e':
		return "%u", true
	case 'a':
		return "%p", true
	case 'Z':
		return "%z", true
	case 'z':
		return "%Z", true
	}
	return "", false
}
