// Command doccheck finds exported names without documentation in packages. Its arguments are folders.
package main

import (
	"fmt"
	"go/ast"
	"go/doc"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"strings"
)

func main() {
	missing := 0
	for _, folder := range os.Args[1:] {
		files := token.NewFileSet()
		isCode := func(f fs.FileInfo) bool { return !strings.HasSuffix(f.Name(), "_test.go") }
		packages, err := parser.ParseDir(files, folder, isCode, parser.ParseComments)
		if err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		for _, p := range packages {
			for _, name := range undocumented(doc.New(p, folder, 0), func(at token.Pos) int { return files.Position(at).Line }) {
				fmt.Println(folder, name)
				missing++
			}
		}
	}
	if missing > 0 {
		os.Exit(1)
	}
}

func undocumented(p *doc.Package, lineOf func(token.Pos) int) (names []string) {
	need := func(name, text string) {
		if strings.TrimSpace(text) == "" {
			names = append(names, name)
		}
	}
	functions := func(prefix string, list []*doc.Func) {
		for _, f := range list {
			need(prefix+f.Name, f.Doc)
		}
	}
	values := func(list []*doc.Value) {
		for _, v := range list {
			for _, spec := range v.Decl.Specs {
				if s, ok := spec.(*ast.ValueSpec); ok {
					need(strings.Join(v.Names, ", "), v.Doc+s.Doc.Text()+s.Comment.Text())
				}
			}
		}
	}
	need("package "+p.Name, p.Doc)
	functions("", p.Funcs)
	values(p.Consts)
	values(p.Vars)
	for _, t := range p.Types {
		need(t.Name, t.Doc)
		functions("", t.Funcs)
		functions(t.Name+".", t.Methods)
		values(t.Consts)
		values(t.Vars)
		for _, spec := range t.Decl.Specs {
			fields(need, lineOf, t.Name, spec)
		}
	}
	return names
}

// fields looks at the exported fields of a struct. One comment may stand above several of them.
func fields(need func(name, text string), lineOf func(token.Pos) int, of string, spec ast.Spec) {
	s, ok := spec.(*ast.TypeSpec)
	if !ok {
		return
	}
	body, ok := s.Type.(*ast.StructType)
	if !ok {
		return
	}
	text := ""
	line := 0
	for _, field := range body.Fields.List {
		// Fields without a blank line between them share the comment above the first one.
		if own := field.Doc.Text() + field.Comment.Text(); own != "" || lineOf(field.Pos()) != line+1 {
			text = own
		}
		line = lineOf(field.End())
		for _, name := range field.Names {
			if name.IsExported() {
				need(of+"."+name.Name, text)
			}
		}
	}
}
