package main

import "fmt"

// step is one call of the intrusion that some files tell.
type step struct {
	permission string
	outcome    outcome
}

// storyScript is the intrusion: somebody with a stolen password and a stolen
// key looks round, makes a way back in, tries to go dark and destroys a bucket.
func storyScript() []step {
	return []step{
		{"sts:GetCallerIdentity", succeed},
		{"iam:ListUsers", fail},
		{"s3:ListBuckets", succeed},
		{"s3:GetBucketPolicy", fail},
		{"s3:GetBucketAcl", succeed},
		{"ec2:DescribeInstances", fail},
		{"iam:GetUser", succeed},
		{"iam:CreateAccessKey", succeed},
		{"s3:ListObjects", succeed},
		{"s3:GetObject", succeed},
		{"s3:GetObject", succeed},
		{"s3:GetObject", fail},
		{"cloudtrail:StopLogging", fail},
		{"guardduty:DeleteDetector", fail},
		{"ec2:ModifySnapshotAttribute", succeed},
		{"s3:DeleteBucket", fail},
		{"s3:DeleteBucket", succeed},
	}
}

// signInScript is how the password was found.
func signInScript() []outcome { return []outcome{fail, fail, fail, succeed} }

// story is the script with its actions found and its intruder cast.
type story struct {
	steps []scene
}

// scene is one record to be told.
type scene struct {
	session *session
	action  *action
	outcome outcome
}

// newStory casts the account's first long-lived key and first console user.
func newStory(w *world, x object) (story, error) {
	abroad := func(k kinds, agent string) *session {
		s := newSession(w, x.account, x.account.actors[k][0], 0, x.made)
		s.address, s.agent = "198.51.100.66", agent
		return s
	}
	var t story
	browser := abroad(consoleUser, "Mozilla/5.0 (X11; Linux x86_64; rv:115.0) Gecko/20100101 Firefox/115.0")
	for _, o := range signInScript() {
		a, err := findSignIn(w.catalogue, o == fail)
		if err != nil {
			return t, err
		}
		t.steps = append(t.steps, scene{browser, a, o})
	}
	shell := abroad(cliUser, "Boto3/1.34.51 md/Botocore#1.34.51 ua/2.0 os/linux#6.6.9-amd64 md/arch#x86_64 lang/python#3.11.8 md/pyimpl#CPython cfg/retry-mode#legacy Botocore/1.34.51")
	for _, s := range storyScript() {
		a, err := w.catalogue.find(cliUser, s.permission)
		if err != nil {
			return t, err
		}
		t.steps = append(t.steps, scene{shell, a, s.outcome})
	}
	return t, nil
}

// findSignIn looks up a console sign-in without MFA.
func findSignIn(c *catalogue, failed bool) (*action, error) {
	for _, a := range c.byKind[consoleUser] {
		if a.name == "ConsoleLogin" && a.by == consoleUser && (a.message != "") == failed {
			return a, nil
		}
	}
	return nil, fmt.Errorf("find sign-in: not in the catalogue")
}
