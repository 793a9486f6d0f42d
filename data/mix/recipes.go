package mix

import (
	"embed"
	"fmt"
	"path"
	"strings"
)

//go:embed recipes/*.toml
var recipeFiles embed.FS

// Recipe is one of the paper's mixtures as a file to be copied: its sources are folders beside the copy.
type Recipe struct {
	Name  string // general-instruct, biomedicine-1-shot, …
	About string
	File  []byte // the mixture file
	Spec  *Spec  // what it says; paths are relative
}

// Recipes gives the paper's mixtures, in order of name.
func Recipes() []Recipe {
	entries, err := recipeFiles.ReadDir("recipes")
	if err != nil {
		panic("mix: no recipes are embedded")
	}
	var out []Recipe
	for _, e := range entries {
		file, err := recipeFiles.ReadFile(path.Join("recipes", e.Name()))
		if err != nil {
			panic("mix: an embedded recipe cannot be read")
		}
		spec, err := parseSpec(file)
		if err != nil {
			panic("mix: recipe " + e.Name() + err.Error())
		}
		about, _, _ := strings.Cut(strings.TrimPrefix(string(file), "# "), "\n")
		out = append(out, Recipe{strings.TrimSuffix(e.Name(), ".toml"), about, file, spec})
	}
	return out
}

// FindRecipe gives a recipe by name; ErrSpec, with all names, where there is none.
func FindRecipe(name string) (Recipe, error) {
	var names []string
	for _, r := range Recipes() {
		if r.Name == name {
			return r, nil
		}
		names = append(names, r.Name)
	}
	return Recipe{}, fmt.Errorf("%w: no recipe %q; there are %s", ErrSpec, name, strings.Join(names, ", "))
}
