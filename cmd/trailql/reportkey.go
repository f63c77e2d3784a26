package main

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/trailql/trailql/report/manifest"
)

func newReportKeyCommand(a *app) *cobra.Command {
	public := ""
	cmd := &cobra.Command{
		Use:   "key FILE",
		Short: "Make a pair of keys to sign reports with",
		Long: `Makes an Ed25519 key in FILE, which only its owner can read, and the public key in
a file beside it, to be given to those who verify. Prints the id of the key.`,
		Example: "  trailql report key ~/.config/trailql/report-key.pem",
		Args:    usageArgs(cobra.ExactArgs(1)),
		RunE: func(_ *cobra.Command, args []string) error {
			if public == "" {
				public = strings.TrimSuffix(args[0], ".pem") + ".pub.pem"
			}
			id, err := manifest.GenerateKey(args[0], public)
			if err != nil {
				return err
			}
			a.note("wrote %s and %s", args[0], public)
			out := &lines{}
			out.add("%s", id)
			return out.write(a.stdout)
		},
	}
	cmd.Flags().StringVar(&public, "public", "", "`FILE` for the public key (default FILE with .pub.pem)")
	return cmd
}
