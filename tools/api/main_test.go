package main

import (
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"slices"
	"strings"
	"testing"
)

const source = `package p

import "io"

const Three int = 1 + 2

var ErrX error

func F[T any](in io.Reader, rest ...T) (out T, err error) { panic("") }

func hidden() {}

type Kind string

type Box[T any] struct {
	Item   T
	On     func(what Kind) error
	secret int
	io.Reader
}

func (b *Box[T]) Put(item T) {}
func (b Box[T]) Get() T      { return b.Item }
func (b Box[T]) hide()       {}

type Sealed interface {
	Open() error
	sealed()
}

type Same = Kind
`

const want = `pkg p, const Three int = 3
pkg p, func F[T any](io.Reader, ...T) (T, error)
pkg p, method (*Box[T any]) Put(T)
pkg p, method (Box[T any]) Get() T
pkg p, method (Box[T any]) Read([]byte) (int, error)
pkg p, type Box[T any] struct
pkg p, type Box[T any] struct, Item T
pkg p, type Box[T any] struct, On func(Kind) error
pkg p, type Box[T any] struct, embedded io.Reader
pkg p, type Kind string
pkg p, type Same = Kind
pkg p, type Sealed interface
pkg p, type Sealed interface, Open() error
pkg p, type Sealed interface, unexported methods
pkg p, var ErrX error`

func TestDescribePrintsWhatIsExported(t *testing.T) {
	t.Parallel()
	files := token.NewFileSet()
	file, err := parser.ParseFile(files, "p.go", source, 0)
	if err != nil {
		t.Fatal(err)
	}
	config := types.Config{Importer: importer.ForCompiler(files, "source", nil)}
	pkg, err := config.Check("p", files, []*ast.File{file}, nil)
	if err != nil {
		t.Fatal(err)
	}
	lines := describe(pkg)
	slices.Sort(lines)
	if got := strings.Join(lines, "\n"); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}
