package jws

import (
	"crypto"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"math/big"
	"strings"

	"github.com/go-jose/go-jose/v4"
)

// ParseJWK reads a private key as a JSON Web Key (RFC 7517), and its kid if it has one. Numbers may be in any base64,
// an EC key may lack leading zeros, and an RSA key its primes, which RFC 7518 (section 6.3.2) does not require.
func ParseJWK(text string) (signer crypto.Signer, id string, err error) {
	var members map[string]any
	if json.Unmarshal([]byte(text), &members) != nil {
		return nil, "", errors.New("the JWK cannot be read")
	}
	n := numbers(members)
	switch members["kty"] {
	case "RSA":
		n.addPrimes()
	case "EC":
		n.pad(members["crv"])
	}
	normal, err := json.Marshal(members)
	if err != nil {
		return nil, "", errors.New("the JWK cannot be read")
	}
	var key jose.JSONWebKey
	if key.UnmarshalJSON(normal) != nil {
		return nil, "", errors.New("the JWK cannot be read")
	}
	signer, ok := key.Key.(crypto.Signer)
	if !ok {
		return nil, "", errors.New("the JWK is not a private RSA or EC key")
	}
	return signer, key.KeyID, nil
}

// numbers are the members of a JWK, those that are numbers in base64url without padding.
type numbers map[string]any

func (n numbers) get(name string) *big.Int {
	text, _ := n[name].(string)
	text = strings.TrimRight(strings.NewReplacer("+", "-", "/", "_").Replace(text), "=")
	bytes, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || len(bytes) == 0 || len(bytes) > maxNumber {
		return nil
	}
	return new(big.Int).SetBytes(bytes)
}

// maxNumber is how many bytes a number may have: those of an RSA key of 16,384 bits.
const maxNumber = 2048

func (n numbers) set(name string, bytes []byte) {
	n[name] = base64.RawURLEncoding.EncodeToString(bytes)
}

// coordinates are how many bytes the numbers of a curve have.
var coordinates = map[any]int{"P-256": 32, "P-384": 48, "P-521": 66}

// pad gives the numbers of an EC key the length that its curve requires.
func (n numbers) pad(curve any) {
	for _, name := range []string{"x", "y", "d"} {
		size := coordinates[curve]
		if number := n.get(name); number != nil && number.BitLen() <= 8*size {
			n.set(name, number.FillBytes(make([]byte, size)))
		}
	}
}

// addPrimes spells the numbers of an RSA key as base64url, and adds its primes if they are missing.
func (n numbers) addPrimes() {
	for _, name := range []string{"n", "e", "d", "p", "q", "dp", "dq", "qi"} {
		if number := n.get(name); number != nil {
			n.set(name, number.Bytes())
		}
	}
	modulus, public, private := n.get("n"), n.get("e"), n.get("d")
	if modulus == nil || public == nil || private == nil || n["p"] != nil || n["q"] != nil {
		return
	}
	if p := factor(modulus, public, private); p != nil {
		n.set("p", p.Bytes())
		n.set("q", new(big.Int).Div(modulus, p).Bytes())
	}
}

// factor finds a prime of an RSA modulus by the two exponents (NIST SP 800-56B, appendix C.1); nil if they do not
// belong together.
func factor(modulus, public, private *big.Int) *big.Int {
	one := big.NewInt(1)
	k := new(big.Int).Sub(new(big.Int).Mul(public, private), one)
	if modulus.Cmp(big.NewInt(3)) <= 0 || k.Sign() <= 0 || k.Bit(0) == 1 {
		return nil
	}
	twos := k.TrailingZeroBits()
	odd := new(big.Int).Rsh(k, twos)
	last := new(big.Int).Sub(modulus, one)
	for range 100 { // each try finds the primes of a valid key with a probability of at least one half
		base, err := rand.Int(rand.Reader, last)
		if err != nil {
			return nil
		}
		root := new(big.Int).Exp(base, odd, modulus)
		for range twos {
			square := new(big.Int).Mod(new(big.Int).Mul(root, root), modulus)
			if square.Cmp(one) == 0 && root.Cmp(one) != 0 && root.Cmp(last) != 0 {
				return new(big.Int).GCD(nil, nil, new(big.Int).Sub(root, one), modulus)
			}
			root = square
		}
	}
	return nil
}
