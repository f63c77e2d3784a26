package cloudtrail

// Kind says how a member of a record becomes a column.
type Kind uint8

const (
	// Text is a JSON string as its characters.
	Text Kind = iota
	// Flag is a JSON boolean as the text true or false, as Athena's DDL has it.
	Flag
	// JSON is an object or array as compact JSON text.
	JSON
	// Struct has a column for each member.
	Struct
	// Resources is the list of (arn, accountid, type).
	Resources
	// Map is a map of text to text.
	Map
	// Timestamp is microseconds since 1970, UTC. Only our own columns have it.
	Timestamp
	// Int is a 64-bit integer. Only our own columns have it.
	Int
)

// Column is a column of cloudtrail_logs or a member of a struct column.
type Column struct {
	Name string // in the table
	Key  string // in the record; "" where the column is ours
	ID   int    // Iceberg field id; never reused, never changed
	Kind Kind
	// From is the path of objects that hold Key, where that differs from the
	// column's own place: members that the documented struct types lack are
	// columns of their own.
	From   []string
	Fields []Column
	// Metrics asks for counts and bounds in the table's metadata: for columns
	// that people filter by.
	Metrics bool
	// Needle asks for a Bloom filter in every row group: for columns in which
	// people look for one value in all of the table.
	Needle bool
	Doc    string
}

// Field ids of what a Resources or Map column contains, added to Column.ID.
const (
	ElementOffset = 1 // list element, or map key
	ValueOffset   = 2 // map value
	MemberOffset  = 2 // first member of a list's struct element
)

// Columns is the table schema of cloudtrail_logs: first the documented Athena
// table, names, order and types as in the CloudTrail section of the Athena user
// guide; then fields that records have and that table lacks; then our own. The
// caller must not change it.
func Columns() []Column { return columns }

var columns = []Column{
	{Name: "eventversion", Key: "eventVersion", ID: 1, Kind: Text},
	{Name: "useridentity", Key: "userIdentity", ID: 2, Kind: Struct, Fields: []Column{
		{Name: "type", Key: "type", ID: 3, Metrics: true},
		{Name: "principalid", Key: "principalId", ID: 4, Metrics: true, Needle: true},
		{Name: "arn", Key: "arn", ID: 5, Metrics: true, Needle: true},
		{Name: "accountid", Key: "accountId", ID: 6, Metrics: true},
		{Name: "invokedby", Key: "invokedBy", ID: 7},
		{Name: "accesskeyid", Key: "accessKeyId", ID: 8, Metrics: true, Needle: true},
		{Name: "username", Key: "userName", ID: 9, Metrics: true, Needle: true},
		{Name: "onbehalfof", Key: "onBehalfOf", ID: 10, Kind: Struct, Fields: []Column{
			{Name: "userid", Key: "userId", ID: 11},
			{Name: "identitystorearn", Key: "identityStoreArn", ID: 12},
		}},
		{Name: "sessioncontext", Key: "sessionContext", ID: 13, Kind: Struct, Fields: []Column{
			{Name: "attributes", Key: "attributes", ID: 14, Kind: Struct, Fields: []Column{
				{Name: "mfaauthenticated", Key: "mfaAuthenticated", ID: 15},
				{Name: "creationdate", Key: "creationDate", ID: 16},
			}},
			{Name: "sessionissuer", Key: "sessionIssuer", ID: 17, Kind: Struct, Fields: []Column{
				{Name: "type", Key: "type", ID: 18},
				{Name: "principalid", Key: "principalId", ID: 19},
				{Name: "arn", Key: "arn", ID: 20, Needle: true},
				{Name: "accountid", Key: "accountId", ID: 21},
				{Name: "username", Key: "userName", ID: 22},
			}},
			{Name: "ec2roledelivery", Key: "ec2RoleDelivery", ID: 23},
			{Name: "webidfederationdata", Key: "webIdFederationData", ID: 24, Kind: Struct, Fields: []Column{
				{Name: "federatedprovider", Key: "federatedProvider", ID: 25},
				{Name: "attributes", Key: "attributes", ID: 26, Kind: Map}, // 27 key, 28 value
			}},
		}},
	}},
	{Name: "eventtime", Key: "eventTime", ID: 29, Metrics: true, Doc: "ISO 8601 text in UTC, as in the record"},
	{Name: "eventsource", Key: "eventSource", ID: 30, Metrics: true},
	{Name: "eventname", Key: "eventName", ID: 31, Metrics: true},
	{Name: "awsregion", Key: "awsRegion", ID: 32, Metrics: true},
	{Name: "sourceipaddress", Key: "sourceIPAddress", ID: 33, Metrics: true, Needle: true},
	{Name: "useragent", Key: "userAgent", ID: 34},
	{Name: "errorcode", Key: "errorCode", ID: 35, Metrics: true},
	{Name: "errormessage", Key: "errorMessage", ID: 36},
	{Name: "requestparameters", Key: "requestParameters", ID: 37, Kind: JSON},
	{Name: "responseelements", Key: "responseElements", ID: 38, Kind: JSON},
	{Name: "additionaleventdata", Key: "additionalEventData", ID: 39, Kind: JSON},
	{Name: "requestid", Key: "requestID", ID: 40},
	{Name: "eventid", Key: "eventID", ID: 41, Metrics: true, Needle: true},
	{Name: "resources", Key: "resources", ID: 42, Kind: Resources}, // 43 element, 44..46 arn, accountid, type
	{Name: "eventtype", Key: "eventType", ID: 47, Metrics: true},
	{Name: "apiversion", Key: "apiVersion", ID: 48},
	{Name: "readonly", Key: "readOnly", ID: 49, Metrics: true, Kind: Flag},
	{Name: "recipientaccountid", Key: "recipientAccountId", ID: 50, Metrics: true},
	{Name: "serviceeventdetails", Key: "serviceEventDetails", ID: 51, Kind: JSON},
	{Name: "sharedeventid", Key: "sharedEventID", ID: 52, Metrics: true, Needle: true},
	{Name: "vpcendpointid", Key: "vpcEndpointId", ID: 53},
	{Name: "vpcendpointaccountid", Key: "vpcEndpointAccountId", ID: 54},
	{Name: "eventcategory", Key: "eventCategory", ID: 55, Metrics: true},
	{Name: "addendum", Key: "addendum", ID: 56, Kind: Struct, Fields: []Column{
		{Name: "reason", Key: "reason", ID: 57},
		{Name: "updatedfields", Key: "updatedFields", ID: 58},
		{Name: "originalrequestid", Key: "originalRequestID", ID: 59},
		{Name: "originaleventid", Key: "originalEventID", ID: 60},
	}},
	{Name: "sessioncredentialfromconsole", Key: "sessionCredentialFromConsole", ID: 61},
	{Name: "edgedevicedetails", Key: "edgeDeviceDetails", ID: 62, Kind: JSON},
	{Name: "tlsdetails", Key: "tlsDetails", ID: 63, Kind: Struct, Fields: []Column{
		{Name: "tlsversion", Key: "tlsVersion", ID: 64},
		{Name: "ciphersuite", Key: "cipherSuite", ID: 65},
		{Name: "clientprovidedhostheader", Key: "clientProvidedHostHeader", ID: 66},
	}},

	{Name: "managementevent", Key: "managementEvent", ID: 67, Metrics: true, Kind: Flag},
	{Name: "eventcontext", Key: "eventContext", ID: 68, Kind: JSON},
	{Name: "insightdetails", Key: "insightDetails", ID: 69, Kind: JSON},
	{Name: "sourceidentity", Key: "sourceIdentity", ID: 70, From: []string{"userIdentity", "sessionContext"}},
	{Name: "identityprovider", Key: "identityProvider", ID: 71, From: []string{"userIdentity"}},
	{Name: "credentialid", Key: "credentialId", ID: 72, From: []string{"userIdentity"}},
	{Name: "inscopeof", Key: "inScopeOf", ID: 73, Kind: JSON, From: []string{"userIdentity"}},
	{Name: "tlskeyexchange", Key: "keyExchange", ID: 74, From: []string{"tlsDetails"}},

	{Name: "unmodeled", ID: 75, Kind: JSON, Doc: "what the other columns cannot hold: unknown members, explicit nulls, values of another type; merged over them it gives the record back"},
	{Name: "eventtimestamp", ID: 76, Metrics: true, Kind: Timestamp, Doc: "eventTime as a timestamp, UTC"},
	{Name: "sourceobject", ID: 77, Metrics: true, Doc: "the log object that the record came from"},
	{Name: "sourceindex", ID: 78, Metrics: true, Kind: Int, Doc: "the record's place in that object, from 0"},
	{Name: "region", ID: 79, Metrics: true, Doc: "partition: awsRegion, or unknown"},
	{Name: "date", ID: 80, Metrics: true, Doc: "partition: UTC day of eventTime, YYYY-MM-DD"},
}

// Names of the columns that partition and sort the table.
const (
	RegionColumn    = "region"
	DateColumn      = "date"
	TimestampColumn = "eventtimestamp"
)

// Leaf is a text column without children: a bit in Record.Present and an index
// in Record.Value. Leaves are numbered in schema order.
type Leaf uint8

// Leaves that code speaks of by name; the layout assigns the numbers and a test
// holds them together.
const (
	LeafEventTime    Leaf = 19
	LeafEventSource  Leaf = 20
	LeafEventName    Leaf = 21
	LeafAWSRegion    Leaf = 22
	LeafEventID      Leaf = 31
	LeafEventType    Leaf = 32
	LeafUnmodeled    Leaf = 58
	LeafSourceObject Leaf = 59
	NumLeaves             = 60
)

// Group is a struct column: a bit in Record.Structs.
type Group uint8

// member is a place in a record where a modelled value stands.
type member struct {
	key    string
	quoted string // "key": as compact JSON has it
	kind   Kind
	leaf   Leaf
	object *object // for Struct
	// fragment is the index of a struct at the top of a record, else -1.
	fragment int
}

// object is a kind of JSON object whose members are columns.
type object struct {
	id      int // index in layout.objects; 0 is the record
	group   Group
	members []member
	lookup  map[string]int
}

// LeafColumn describes the Parquet column of a leaf.
type LeafColumn struct {
	Column *Column
	Path   []string
	Groups []Group // enclosing struct columns, outermost first
}

// Layout is the schema seen from the record: which member goes where.
type Layout struct {
	objects []*object
	leaves  [NumLeaves]LeafColumn
	groups  int

	fragments [NumFragments]fragmentLayout
}

// newLayout derives the layout from the columns.
func newLayout(cols []Column) *Layout {
	l := &Layout{}
	root := l.newObject(0)
	byPath := map[string]*object{"": root}
	next := 0
	var walk func(o *object, path []string, jsonPath string, groups []Group, cols []Column)
	walk = func(o *object, path []string, jsonPath string, groups []Group, cols []Column) {
		for i := range cols {
			c := &cols[i]
			m := member{key: c.Key, quoted: `"` + c.Key + `":`, kind: c.Kind, fragment: -1}
			at := o
			if c.From != nil {
				p := ""
				for _, k := range c.From {
					p += "/" + k
				}
				at = byPath[p]
			}
			here := append(append([]string(nil), path...), c.Name)
			switch c.Kind {
			case Struct:
				l.groups++
				child := l.newObject(Group(l.groups - 1))
				m.object = child
				p := jsonPath + "/" + c.Key
				byPath[p] = child
				from := next
				walk(child, here, p, append(append([]Group(nil), groups...), child.group), c.Fields)
				if o.id == 0 {
					m.fragment = l.addFragment(child.group, Leaf(from), Leaf(next))
				}
			case Resources, Map:
			case Timestamp, Int:
				continue
			default:
				if c.Key == "" && (c.Name == RegionColumn || c.Name == DateColumn) {
					continue
				}
				m.leaf = Leaf(next)
				l.leaves[next] = LeafColumn{Column: c, Path: here, Groups: groups}
				next++
			}
			if c.Key != "" {
				at.add(m)
			}
		}
	}
	walk(root, nil, "", nil, cols)
	return l
}

// addFragment numbers the struct columns at the top.
func (l *Layout) addFragment(g Group, from, to Leaf) int {
	k := 0
	for len(l.fragments[k].leaves) > 0 {
		k++
	}
	f := &l.fragments[k]
	f.group = g
	for leaf := from; leaf < to; leaf++ {
		f.leaves = append(f.leaves, leaf)
	}
	f.from, f.to = 0, 64 // type and principalId
	if k == TLSDetailsFragment {
		f.from, f.to = 64, 128 // the host, behind version and cipher suite
	}
	return k
}

func (l *Layout) newObject(g Group) *object {
	o := &object{id: len(l.objects), group: g, lookup: map[string]int{}}
	l.objects = append(l.objects, o)
	return o
}

func (o *object) add(m member) {
	o.lookup[m.key] = len(o.members)
	o.members = append(o.members, m)
}

var layout = newLayout(columns)

// Leaves describes every leaf, indexed by Leaf.
func Leaves() *[NumLeaves]LeafColumn { return &layout.leaves }

// Groups is the number of struct columns.
func Groups() int { return layout.groups }
