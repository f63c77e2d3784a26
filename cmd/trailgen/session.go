package main

import (
	"hash/fnv"
	"strings"
	"time"
)

// session is an actor at work with one set of credentials from one place. The
// same actor has the same session in all files of an hour.
type session struct {
	actor   *actor
	name    string // the role session
	arn     string // of the caller, "" when the record has none
	address string
	agent   string
	tls     string // the version and cipher that the client settled on
	cipher  string // the cipher as S3 names it

	// The userIdentity without its closing brace: as eventVersion 1.08 and
	// older write it, as newer ones do, and as sign-in events do.
	old, current, bare string

	recent     []*action // what it did last
	misfortune float64   // how much likelier its calls fail: failures come in bursts
}

// newSession opens the session that x has around the time at.
func newSession(w *world, a *account, x *actor, nth int, at time.Time) *session {
	hour := at.Truncate(time.Hour)
	h := fnv.New64a()
	h.Write([]byte(x.id + x.name + a.id + strings.Join(x.sessions, "")))
	d := newDice(w.seed^h.Sum64(), uint64(hour.Unix())+uint64(nth))
	created := hour.Add(-time.Duration(d.between(11*60, 50*60)) * time.Second).Format(time.RFC3339)

	s := &session{actor: x, cipher: "TLS_AES_128_GCM_SHA256"}
	switch d.IntN(5) {
	case 0:
		s.tls, s.cipher = "TLSv1.2", "ECDHE-RSA-AES128-GCM-SHA256"
	case 1:
		s.tls = "TLSv1.3"
		s.cipher = "TLS_AES_256_GCM_SHA384"
	default:
		s.tls = "TLSv1.3"
	}
	if len(x.addresses) > 0 {
		s.address = favourite(d, x.addresses)
	}
	if len(x.agents) > 0 {
		s.agent = favourite(d, x.agents)
	}
	if s.misfortune = 1.5; d.chance(0.12) {
		s.misfortune = 18
	}
	s.identify(d, a, created)
	return s
}

// identify writes the session's userIdentity.
func (s *session) identify(d *dice, a *account, created string) {
	x := s.actor
	temporary := string(d.some([]byte("ASIA"+a.code), 8, base32Set))
	mfa := "false"
	if x.mfa {
		mfa = "true"
	}
	attributes := `"attributes":{"creationDate":"` + created + `","mfaAuthenticated":"` + mfa + `"}`
	noIssuer := `"sessionIssuer":{},"webIdFederationData":{},`

	switch x.kind {
	case consoleUser, cliUser, root:
		kind, name := "IAMUser", x.name
		s.arn = "arn:aws:iam::" + a.id + ":user/" + x.name
		if x.kind == root {
			kind, s.arn = "Root", "arn:aws:iam::"+a.id+":root"
		}
		s.bare = `{"type":"` + kind + `","principalId":"` + x.id + `","arn":"` + s.arn + `","accountId":"` + a.id + `"`
		if x.kind == cliUser {
			s.old = s.bare + `,"accessKeyId":"` + x.key + `","userName":"` + name + `"`
			s.current = s.old
		} else {
			head := s.bare + `,"accessKeyId":"` + temporary + `","userName":"` + name + `","sessionContext":{`
			s.old, s.current = head+noIssuer+attributes+`}`, head+attributes+`}`
		}
		s.bare += `,"userName":"` + name + `"`

	case ssoUser, deployer, instance, function, auditor:
		s.assume(d, a, temporary, attributes)

	case federated:
		s.arn = "arn:aws:sts::" + a.id + ":federated-user/" + x.name
		head := `{"type":"FederatedUser","principalId":"` + a.id + `:` + x.name + `","arn":"` + s.arn + `","accountId":"` + a.id + `","accessKeyId":"` + temporary +
			`","sessionContext":{"sessionIssuer":{"type":"IAMUser","principalId":"` + x.id + `","arn":"arn:aws:iam::` + a.id + `:user/` + x.name + `","accountId":"` + a.id + `","userName":"` + x.name + `"},`
		s.old, s.current = head+`"webIdFederationData":{},`+attributes+`}`, head+attributes+`}`

	case outsider:
		id := x.id
		if len(x.sessions) > 0 {
			id += ":" + x.sessions[0]
		}
		s.arn = "arn:aws:sts::" + x.partner + ":assumed-role/" + x.sessions[0] + "-role/" + x.sessions[0]
		s.old = `{"type":"AWSAccount","principalId":"` + id + `","accountId":"` + x.partner + `"`
		s.current = s.old

	case webIdentity:
		provider := "arn:aws:iam::" + a.id + ":oidc-provider/token.ci.example.com"
		s.old = `{"type":"WebIdentityUser","principalId":"` + provider + `:sts.amazonaws.com:` + x.name + `","userName":"` + x.name + `","identityProvider":"` + provider + `"`
		s.current = s.old

	case samlUser:
		qualifier := string(newDice(7, uint64(a.index)).base64(nil, 28, 1))
		s.old = `{"type":"SAMLUser","principalId":"` + qualifier + `:` + x.name + `@example.com","userName":"` + x.name + `@example.com","identityProvider":"` + qualifier + `"`
		s.current = s.old

	case identityCenter:
		s.old = `{"type":"IdentityCenterUser","accountId":"` + a.id + `","onBehalfOf":{"userId":"` + x.id + `","identityStoreArn":"arn:aws:identitystore::` + a.id +
			`:identitystore/d-90675c1e2f"},"credentialId":"` + string(d.hex(nil, 64)) + `"`
		s.current = s.old
	}
}

// assume writes the userIdentity of an assumed role.
func (s *session) assume(d *dice, a *account, temporary, attributes string) {
	x := s.actor
	role, path := x.name, x.path
	if x.kind == ssoUser {
		role, path = x.path, "aws-reserved/sso.amazonaws.com/"
	}
	if len(x.sessions) > 0 {
		s.name = favourite(d, x.sessions)
	} else {
		s.name = "run-" + string(d.hex(nil, 10))
	}
	s.arn = "arn:aws:sts::" + a.id + ":assumed-role/" + role + "/" + s.name
	head := `{"type":"AssumedRole","principalId":"` + x.id + `:` + s.name + `","arn":"` + s.arn + `","accountId":"` + a.id + `","accessKeyId":"` + temporary +
		`","sessionContext":{"sessionIssuer":{"type":"Role","principalId":"` + x.id + `","arn":"arn:aws:iam::` + a.id + `:role/` + path + role + `","accountId":"` + a.id + `","userName":"` + role + `"},`
	old, current, tail := `"webIdFederationData":{},`, "", ""
	switch x.kind {
	case deployer:
		old = `"webIdFederationData":{"federatedProvider":"arn:aws:iam::` + a.id + `:oidc-provider/token.ci.example.com","attributes":{}},`
		current = old
	case instance:
		tail = `,"ec2RoleDelivery":"2.0"`
	}
	s.old, s.current = head+old+attributes+tail+`}`, head+current+attributes+tail+`}`
	if x.kind == function {
		s.current += `,"inScopeOf":{"issuerType":"AWS::Lambda::Function","credentialsIssuedTo":"arn:aws:lambda:` + regionNames[max(0, x.region)] + `:` + a.id + `:function:` + s.name + `"}`
	}
}
