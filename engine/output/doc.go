// Package output writes the rows of a query as text: a box, or a line for each
// value, for people; CSV, JSON or JSON lines for programs. [New] makes a writer for one result; [Escape]
// makes text that others wrote safe for a terminal.
//
// # Values
//
// Numbers are exact in every format. Times are RFC 3339, with Z where the type
// has a time zone (always UTC). Binary is pairs of hexadecimal digits. Structs,
// lists and maps are JSON, in CSV and for people as well. NULL is null in JSON,
// nothing in CSV (an empty text is "" there) and the word NULL for people.
package output
