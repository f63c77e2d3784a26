// Package delivery takes reports to people: into a folder, to a mail server, to
// a webhook, to Slack.
//
// [Summarize] makes the [Message] of a report; [Deliverer.Deliver] sends it to
// [Target]s, and [Deliverer.Retry] sends what could not be sent before.
//
//	target.go      where to, as people write it in YAML
//	message.go     what is said: states and counts, never a text from a log
//	deliverer.go   attempts, waits, what has been sent
//	backlog.go     what has not, in a folder that survives the process
//	folder.go, smtp.go, webhook.go, slack.go
//	secret.go      from the environment or a file, read when it is used
//
// A message is in the backlog before the first attempt and leaves it after the
// last, so that a crash in between sends it twice rather than never. Every
// receiver can tell: folders and mails carry the run in their name and
// Message-ID, webhooks in their Idempotency-Key.
package delivery
