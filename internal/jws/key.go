// Package jws signs the JSON Web Tokens that signing in to Okta takes: client assertions (RFC 7523) and DPoP proofs
// (RFC 9449). None of its errors shows any part of a key.
package jws

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"reflect"
	"strings"

	"github.com/go-jose/go-jose/v4"
)

// Key signs client assertions.
type Key struct {
	signer    func() crypto.Signer // behind a function, no printer finds it
	algorithm jose.SignatureAlgorithm
	id        string // kid; may be empty
}

// minRSABits is the shortest RSA key that Okta accepts.
const minRSABits = 2048

// NewKey returns the key that signer holds, which may be outside this process. RSA signs with RS256; the curves
// P-256, P-384 and P-521 with ES256, ES384 and ES512.
func NewKey(signer crypto.Signer, id string) (*Key, error) {
	if isNil(signer) {
		return nil, errors.New("the signer is nil")
	}
	held := func() crypto.Signer { return signer }
	public := signer.Public()
	if isNil(public) {
		return nil, errors.New("the signer has no public key")
	}
	switch public := public.(type) {
	case *rsa.PublicKey:
		if public.N == nil || public.N.BitLen() < minRSABits {
			return nil, fmt.Errorf("the RSA key has fewer than %d bits", minRSABits)
		}
		return &Key{signer: held, algorithm: jose.RS256, id: id}, nil
	case *ecdsa.PublicKey:
		algorithm, ok := curves[public.Curve]
		if !ok {
			return nil, errors.New("the key's curve is not P-256, P-384 or P-521")
		}
		return &Key{signer: held, algorithm: algorithm, id: id}, nil
	}
	return nil, errors.New("the key is neither RSA nor ECDSA")
}

// isNil reports whether v is nil, or an interface that holds nothing.
func isNil(v any) bool {
	switch held := reflect.ValueOf(v); held.Kind() {
	case reflect.Invalid:
		return true
	case reflect.Pointer, reflect.Slice, reflect.Map, reflect.Func, reflect.Chan:
		return held.IsNil()
	default:
		return false
	}
}

var curves = map[elliptic.Curve]jose.SignatureAlgorithm{
	elliptic.P256(): jose.ES256,
	elliptic.P384(): jose.ES384,
	elliptic.P521(): jose.ES512,
}

// ParsePEM reads a private key in PKCS#8, PKCS#1 or SEC 1 form. Other text may stand around it, and other blocks before
// it, such as the parameters that openssl writes. Line ends may be missing, or be spaces or escaped (`\n`, `\r\n`), and
// lines may be indented: what environment variables and YAML make of a key.
func ParsePEM(text string) (crypto.Signer, error) {
	block, rest := nextBlock(lineEnds.Replace(text))
	if block == nil {
		return nil, errors.New("no PEM block was found")
	}
	for next := block; next != nil; next, rest = nextBlock(rest) {
		if strings.HasSuffix(next.Type, "PRIVATE KEY") {
			block = next
			break
		}
	}
	if strings.Contains(block.Type, "ENCRYPTED") || block.Headers["Proc-Type"] != "" {
		return nil, errors.New("the PEM block is encrypted")
	}
	key, err := parseDER(block)
	if err != nil {
		return nil, err
	}
	signer, ok := key.(crypto.Signer)
	if !ok {
		return nil, errors.New("the PEM block holds a key that cannot sign")
	}
	return signer, nil
}

var lineEnds = strings.NewReplacer(`\r`, "", `\n`, "\n")

// nextBlock returns the next PEM block of a text, wherever its lines end, and what follows it. It is nil if there is
// none.
func nextBlock(text string) (block *pem.Block, rest string) {
	_, text, _ = strings.Cut(text, "-----BEGIN ")
	kind, text, _ := strings.Cut(text, "-----")
	content, rest, whole := strings.Cut(text, "-----END "+kind+"-----")
	if !whole {
		return nil, ""
	}
	if strings.Contains(content, "Proc-Type:") {
		return &pem.Block{Type: kind, Headers: map[string]string{"Proc-Type": "4,ENCRYPTED"}}, rest
	}
	der, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(content), ""))
	if err != nil {
		return nextBlock(rest)
	}
	return &pem.Block{Type: kind, Bytes: der}, rest
}

func parseDER(block *pem.Block) (any, error) {
	var key any
	var err error
	switch block.Type {
	case "PRIVATE KEY":
		key, err = x509.ParsePKCS8PrivateKey(block.Bytes)
	case "RSA PRIVATE KEY":
		key, err = x509.ParsePKCS1PrivateKey(block.Bytes)
	case "EC PRIVATE KEY":
		key, err = x509.ParseECPrivateKey(block.Bytes)
	default:
		return nil, errors.New("the PEM block is not a private key")
	}
	if err != nil {
		return nil, errors.New("the PEM block cannot be read")
	}
	return key, nil
}
