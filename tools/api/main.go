// Api prints the exported API of Go packages, one line for each constant, variable, function, type, field and method,
// in the form of the files in Go's own api folder.
//
//	go -C tools run ./api -C .. . ./oktatest
//
// It reads what the compiler exports, so that comments, the order of the source and the names of parameters do not
// matter.
package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"go/importer"
	"go/token"
	"go/types"
	"io"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strings"
)

func main() {
	folder := flag.String("C", ".", "the folder of the module")
	flag.Parse()
	lines, err := api(*folder, flag.Args())
	if err != nil {
		_, _ = fmt.Fprintln(os.Stderr, "api:", err)
		os.Exit(1) //nolint:forbidigo // a program ends with an exit code
	}
	_, _ = io.WriteString(os.Stdout, strings.Join(lines, "\n")+"\n")
}

// api returns the sorted lines of the packages that match the patterns.
func api(folder string, patterns []string) ([]string, error) {
	listed, err := list(folder, patterns)
	if err != nil {
		return nil, err
	}
	exports := map[string]string{}
	for _, p := range listed {
		exports[p.ImportPath] = p.Export
	}
	read := importer.ForCompiler(token.NewFileSet(), "gc", func(path string) (io.ReadCloser, error) {
		return os.Open(exports[path])
	})
	var lines []string
	for _, p := range listed {
		if p.DepOnly {
			continue
		}
		pkg, err := read.Import(p.ImportPath)
		if err != nil {
			return nil, err
		}
		lines = append(lines, describe(pkg)...)
	}
	slices.Sort(lines)
	return lines, nil
}

// listing is what go list says of a package.
type listing struct {
	ImportPath string `json:"ImportPath"`
	Export     string `json:"Export"`  // the file with the package's export data
	DepOnly    bool   `json:"DepOnly"` // no pattern matches it
}

func list(folder string, patterns []string) ([]listing, error) {
	args := []string{"list", "-C", folder, "-export", "-deps", "-json=ImportPath,Export,DepOnly", "--"}
	command := exec.Command("go", append(args, patterns...)...) //nolint:gosec,noctx // it ends by itself
	command.Stderr = os.Stderr
	out, err := command.Output()
	if err != nil {
		return nil, fmt.Errorf("go list: %w", err)
	}
	var listed []listing
	for decoder := json.NewDecoder(bytes.NewReader(out)); ; {
		var l listing
		if err := decoder.Decode(&l); errors.Is(err, io.EOF) {
			return listed, nil
		} else if err != nil {
			return nil, err
		}
		listed = append(listed, l)
	}
}

// printer writes the API of one package. Other packages are named as in source code.
type printer struct {
	pkg   *types.Package
	lines map[string]bool // a type that embeds another one may promote a method twice
}

func describe(pkg *types.Package) []string {
	p := &printer{pkg: pkg, lines: map[string]bool{}}
	for _, name := range pkg.Scope().Names() {
		if object := pkg.Scope().Lookup(name); object.Exported() {
			p.object(object)
		}
	}
	return slices.Collect(maps.Keys(p.lines))
}

func (p *printer) addf(format string, args ...any) {
	p.lines["pkg "+p.pkg.Path()+", "+fmt.Sprintf(format, args...)] = true
}

func (p *printer) text(t types.Type) string {
	return types.TypeString(t, func(other *types.Package) string {
		if other == p.pkg {
			return ""
		}
		return other.Name()
	})
}

func (p *printer) object(object types.Object) {
	switch object := object.(type) {
	case *types.Const:
		p.addf("const %s %s = %s", object.Name(), p.text(object.Type()), object.Val().ExactString())
	case *types.Var:
		p.addf("var %s %s", object.Name(), p.text(object.Type()))
	case *types.Func:
		p.addf("func %s%s", object.Name(), p.signature(object))
	case *types.TypeName:
		p.typeName(object)
	}
}

func (p *printer) typeName(object *types.TypeName) {
	name := object.Name()
	if object.IsAlias() {
		p.addf("type %s = %s", name, p.text(types.Unalias(object.Type())))
		return
	}
	named, ok := object.Type().(*types.Named)
	if !ok {
		return
	}
	name += p.parameters(named.TypeParams())
	switch under := named.Underlying().(type) {
	case *types.Struct:
		p.addf("type %s struct", name)
		p.fields(name, under)
	case *types.Interface:
		p.addf("type %s interface", name)
		p.interfaceMethods(name, under)
	default:
		p.addf("type %s %s", name, p.text(unnamed(under)))
	}
	p.methods(named)
}

func (p *printer) fields(name string, of *types.Struct) {
	for field := range of.Fields() {
		switch {
		case field.Embedded() && field.Exported():
			p.addf("type %s struct, embedded %s", name, p.text(field.Type()))
		case field.Exported():
			p.addf("type %s struct, %s %s", name, field.Name(), p.text(unnamed(field.Type())))
		}
	}
}

// interfaceMethods says also that others cannot implement the interface, where that is so.
func (p *printer) interfaceMethods(name string, of *types.Interface) {
	for method := range of.Methods() {
		if !method.Exported() {
			p.addf("type %s interface, unexported methods", name)
			continue
		}
		p.addf("type %s interface, %s%s", name, method.Name(), p.signature(method))
	}
}

// methods prints the methods of a type and of a pointer to it, those that it is given by embedded fields included.
func (p *printer) methods(named *types.Named) {
	if types.IsInterface(named) {
		return
	}
	byValue := types.NewMethodSet(named)
	for selection := range types.NewMethodSet(types.NewPointer(named)).Methods() {
		method := selection.Obj().(*types.Func)
		if !method.Exported() {
			continue
		}
		receiver := p.text(named)
		if byValue.Lookup(p.pkg, method.Name()) == nil {
			receiver = "*" + receiver
		}
		p.addf("method (%s) %s%s", receiver, method.Name(), p.signature(method))
	}
}

// signature returns the type parameters, parameters and results of a function.
func (p *printer) signature(f *types.Func) string {
	signature := f.Type().(*types.Signature)
	return p.parameters(signature.TypeParams()) + strings.TrimPrefix(p.text(unnamed(signature)), "func")
}

func (p *printer) parameters(list *types.TypeParamList) string {
	if list.Len() == 0 {
		return ""
	}
	var texts []string
	for parameter := range list.TypeParams() {
		texts = append(texts, parameter.Obj().Name()+" "+p.text(parameter.Constraint()))
	}
	return "[" + strings.Join(texts, ", ") + "]"
}

// unnamed returns a function's type without the names of its parameters and results, and any other type as it is.
func unnamed(t types.Type) types.Type {
	signature, ok := t.(*types.Signature)
	if !ok {
		return t
	}
	parameters, results := anonymous(signature.Params()), anonymous(signature.Results())
	return types.NewSignatureType(nil, nil, nil, parameters, results, signature.Variadic())
}

func anonymous(tuple *types.Tuple) *types.Tuple {
	var all []*types.Var
	for v := range tuple.Variables() {
		all = append(all, types.NewVar(token.NoPos, nil, "", unnamed(v.Type())))
	}
	return types.NewTuple(all...)
}
