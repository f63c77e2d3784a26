//go:build cgo && duckdb_arrow

package duck

import (
	"errors"
	"net/netip"
	"strings"
)

// The functions on addresses of networks that Athena has and DuckDB lacks. An
// IPv4 address and the same one mapped into IPv6 are one address.

var (
	errNoAddress = errors.New("not an IP address")
	errNoPrefix  = errors.New("not an IP prefix")
)

func parseAddress(s string) (netip.Addr, error) {
	a, err := netip.ParseAddr(strings.TrimSpace(s))
	if err != nil || a.Zone() != "" {
		return netip.Addr{}, errNoAddress
	}
	return a.Unmap(), nil
}

// parsePrefix takes an address for the prefix of it alone.
func parsePrefix(s string) (netip.Prefix, error) {
	s = strings.TrimSpace(s)
	if !strings.Contains(s, "/") {
		a, err := parseAddress(s)
		if err != nil {
			return netip.Prefix{}, errNoPrefix
		}
		return netip.PrefixFrom(a, a.BitLen()), nil
	}
	p, err := netip.ParsePrefix(s)
	if err != nil {
		return netip.Prefix{}, errNoPrefix
	}
	if a := p.Addr(); a.Is4In6() && p.Bits() >= 96 {
		p = netip.PrefixFrom(a.Unmap(), p.Bits()-96)
	}
	return p.Masked(), nil
}

// networkContains: prefix contains the address, or the whole other prefix.
func networkContains(network, address string) (bool, error) {
	n, err := parsePrefix(network)
	if err != nil {
		return false, err
	}
	p, err := parsePrefix(address)
	if err != nil {
		return false, errNoAddress
	}
	return n.Bits() <= p.Bits() && n.Contains(p.Addr()), nil
}

// addressKey is 16 bytes that sort as the addresses do.
func addressKey(address string) ([]byte, error) {
	a, err := parseAddress(address)
	if err != nil {
		return nil, err
	}
	b := a.As16()
	return b[:], nil
}

func prefixOf(address string, bits int64) (string, error) {
	a, err := parseAddress(address)
	if err != nil {
		return "", err
	}
	if bits < 0 || bits > int64(a.BitLen()) {
		return "", errNoPrefix
	}
	p, err := a.Prefix(int(bits))
	return p.String(), err
}
