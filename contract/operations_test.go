package contract_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// tags are the document's tags that the SDK implements, and the services that implement them.
var tags = map[string]string{
	"UserGrant":                  "UserGrants",
	"UserOAuth":                  "UserOAuth",
	"AuthorizationServerClients": "AuthorizationServerClients",
}

// marker is the part of a method's doc comment that names its operation.
type marker struct {
	method    string // such as UserGrants.Get
	ids       []string
	operation string
	verb      string
	route     string
	scope     string
}

func (m marker) service() string {
	service, _, _ := strings.Cut(m.method, ".")
	return service
}

var markerText = regexp.MustCompile(`\b([A-Z]+) (/api/v1/\S+) \((\w+)\)\. Scope: ([\w.]+)\.(?: |$)`)

// readMarkers reads the markers of the services' methods from the SDK's sources, in the order of the methods. A
// method without a marker, or with more than one, is a finding.
func readMarkers(t *testing.T) ([]marker, findings) {
	t.Helper()
	paths, err := filepath.Glob("../*.go")
	require.NoError(t, err)
	known := sdkMethods()
	var markers []marker
	var found findings
	for _, path := range paths {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ParseComments|parser.SkipObjectResolution)
		require.NoError(t, err)
		for _, declaration := range file.Decls {
			name := methodName(declaration)
			if _, ok := known[name]; !ok {
				continue
			}
			delete(known, name)
			m, ok := readMarker(name, declaration.(*ast.FuncDecl))
			if !ok {
				found.addf("the doc comment of %s does not name one operation with its route and scope", name)
				continue
			}
			markers = append(markers, m)
		}
	}
	for name := range known {
		found.addf("%s is not in the sources", name)
	}
	slices.SortFunc(markers, func(a, b marker) int { return strings.Compare(a.method, b.method) })
	return markers, found
}

// methodName returns the name of an exported method with its type, and "" for other declarations.
func methodName(declaration ast.Decl) string {
	function, ok := declaration.(*ast.FuncDecl)
	if !ok || function.Recv == nil || !function.Name.IsExported() {
		return ""
	}
	star, ok := function.Recv.List[0].Type.(*ast.StarExpr)
	if !ok {
		return ""
	}
	receiver, ok := star.X.(*ast.Ident)
	if !ok {
		return ""
	}
	return receiver.Name + "." + function.Name.Name
}

func readMarker(name string, function *ast.FuncDecl) (marker, bool) {
	doc := strings.Join(strings.Fields(function.Doc.Text()), " ")
	texts := markerText.FindAllStringSubmatch(doc, -1)
	if len(texts) != 1 {
		return marker{}, false
	}
	text := texts[0]
	return marker{name, stringParameters(function), text[3], text[1], text[2], text[4]}, true
}

// stringParameters returns the names of the string parameters, which are the IDs.
func stringParameters(function *ast.FuncDecl) []string {
	var names []string
	for _, field := range function.Type.Params.List {
		if kind, ok := field.Type.(*ast.Ident); !ok || kind.Name != "string" {
			continue
		}
		for _, name := range field.Names {
			names = append(names, name.Name)
		}
	}
	return names
}

// checkOperations compares the methods with the operations of the document.
func checkOperations(doc *document, markers []marker) findings {
	var found findings
	named := map[string]string{}
	for _, m := range markers {
		if other, twice := named[m.operation]; twice {
			found.addf("%s and %s both name the operation %s", other, m.method, m.operation)
		}
		named[m.operation] = m.method
		found = append(found, checkMarker(doc, m)...)
	}
	for _, op := range doc.ofTags(tags) {
		if _, ok := named[op.id]; !ok {
			found.addf("the operation %s (%s %s) has no method", op.id, op.method, op.path)
		}
	}
	return found
}

func checkMarker(doc *document, m marker) findings {
	var found findings
	op, ok := doc.operations[m.operation]
	if !ok {
		found.addf("%s names the operation %s, which the document does not have", m.method, m.operation)
		return found
	}
	differs := func(what, here, there string) {
		if here != there {
			found.addf("%s (%s): the %s is %s, in the document %s", m.method, op.id, what, here, there)
		}
	}
	service, _ := op.service(tags)
	differs("service", m.service(), service)
	differs("HTTP method", m.verb, op.method)
	differs("route", m.route, op.path)
	differs("scope", m.scope, strings.Join(op.scopes(), " "))
	ids, parameters := strings.Join(m.ids, ", "), strings.Join(op.pathParameters(), ", ")
	differs("order of IDs", strings.ToLower(ids), strings.ToLower(parameters)) // userID stands for userId
	return found
}

func TestEveryMethodHasOneMarker(t *testing.T) {
	t.Parallel()
	markers, found := readMarkers(t)
	assert.Empty(t, found)
	assert.NotEmpty(t, markers)
	assert.Len(t, sdkMethods(), len(markers))
}

func TestOperationsAreMethods(t *testing.T) {
	t.Parallel()
	doc := theDocument(t)
	markers, _ := readMarkers(t)
	assert.Empty(t, checkOperations(doc, markers))

	operations := doc.ofTags(tags)
	assert.Len(t, operations, len(markers))
	counts.operations.Add(int64(len(operations)))
	t.Logf("%d operations checked", len(operations))
}

// pair is a method and its operation.
type pair struct {
	method
	op operation
}

// pairs returns the methods whose operations the document has, in the order of their names. Methods without one are
// findings of checkOperations.
func pairs(t *testing.T, doc *document) []pair {
	t.Helper()
	markers, _ := readMarkers(t)
	methods := sdkMethods()
	var found []pair
	for _, m := range markers {
		if op, ok := doc.operations[m.operation]; ok {
			found = append(found, pair{methods[m.method], op})
		}
	}
	require.NotEmpty(t, found)
	return found
}
