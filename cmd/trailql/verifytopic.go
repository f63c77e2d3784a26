package main

const integrityHelp = `What CloudTrail's digests prove

Each hour CloudTrail delivers, for each account and Region of a trail that has log
file validation on, a digest file: the log files of the hour with their SHA-256,
and hash and signature of the digest before. AWS signs it.

A log file is
  valid        a signature of AWS stands for every byte of its content
  invalid      its content is not what the digest says, or it is gone, or there
               is something behind its gzip data
  unproven     the hash is right, but the digest's signature cannot be checked:
               no keys, no signature at hand, or the digest itself is not valid
  not_covered  no digest names it: it is newer than the last digest, older than
               the first, of a time without digests, or somebody put it there
               (then "verify" says so: log-added)

Findings of "trailql verify --digests" have a severity:
  invalid      the evidence does not hold
  gap          a time has no digest: logging or validation was off, or digests
               are gone; or an account and Region has log files and no digest
  warning      odd, but what is signed holds
  note         good to know
invalid and gap make the exit code 3.

Proven is that these are the bytes that CloudTrail delivered. Not proven is that
CloudTrail recorded everything, and that nothing is gone at the two ends of a
chain: before the oldest digest that is there, and behind the newest. --from and
--to say where the ends should be.

A copy. The signature of a digest is in the metadata of its S3 object, which "aws
s3 cp" and "sync" do not keep. The next digest repeats it. So a copy proves all
digests but the newest, whose signature can be saved:
  aws s3api head-object --bucket B --key K > FILE.json.gz.metadata.json

Keys. They are per Region, and older ones stay valid for what they signed:
  aws cloudtrail list-public-keys --region R --start-time T --end-time T
The files can be given one by one, or all in one. --fetch-keys asks for those that
are missing (permission cloudtrail:ListPublicKeys).

The table. "trailql convert --verify" writes each verdict to source_files: verdict,
verdictreason, digest, verifiedat, contentsha256. A digest comes up to an hour
after its log files: a later run settles what was not covered. What a digest names
and is not there has a row of kind 'missing', with the verdict invalid.
  SELECT verdict, count(*) FROM source_files WHERE kind = 'log' GROUP BY verdict
  SELECT l.* FROM cloudtrail_logs l JOIN source_files f ON l.sourceobject = f.object
  WHERE f.verdict = 'invalid'
"trailql verify --table" checks that the table still is what it was made from.
`
