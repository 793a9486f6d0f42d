package cli

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/primer-lm/primer/data/mix"
	"github.com/primer-lm/primer/internal/durable"
)

// recipeFlags are those of corpus mix about the paper's mixtures.
type recipeFlags struct {
	list bool
	name string
}

func (r *recipeFlags) bind(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&r.list, "recipes", false, "list the paper's mixtures and what they read")
	cmd.Flags().StringVar(&r.name, "recipe", "", "write this one of the paper's mixtures as a file")
	completes(cmd, "recipe", func() (names []string) {
		for _, r := range mix.Recipes() {
			names = append(names, r.Name)
		}
		return names
	})
}

func (r *recipeFlags) given() bool { return r.list || r.name != "" }

// recipeListed is one recipe in the list as JSON.
type recipeListed struct {
	Name    string        `json:"name"`
	About   string        `json:"about"`
	Budget  int64         `json:"budget"`
	Sources []recipeInput `json:"sources"`
}

type recipeInput struct {
	Name  string   `json:"name"`
	Kind  string   `json:"kind"`
	Paths []string `json:"paths"`
}

func (r *recipeFlags) run(c *corpusFlags) error {
	switch {
	case len(c.in) > 0 || r.list && r.name != "":
		return usage("--in, --recipe and --recipes exclude each other: --recipe writes a mixture file, --in reads one")
	case r.list:
		return c.stdio.emit(c.json, listRecipes(), printRecipes)
	}
	recipe, err := mix.FindRecipe(r.name)
	if err != nil {
		return usage("%v", err)
	}
	if c.out == "" {
		_, err := c.stdio.Out.Write(recipe.File)
		return err
	}
	return durable.WriteFile(durable.OS, c.out, func(w io.Writer) error {
		_, err := w.Write(recipe.File)
		return err
	})
}

func listRecipes() (out []recipeListed) {
	for _, r := range mix.Recipes() {
		l := recipeListed{Name: r.Name, About: r.About, Budget: r.Spec.Budget}
		for _, s := range r.Spec.Sources {
			l.Sources = append(l.Sources, recipeInput{s.Name, s.Kind, s.Paths})
		}
		out = append(out, l)
	}
	return out
}

func printRecipes(w io.Writer) {
	for _, l := range listRecipes() {
		fmt.Fprintf(w, "%s\n  %s\n", l.Name, l.About)
		for _, s := range l.Sources {
			fmt.Fprintf(w, "  %-12s %-12s from %s\n", s.Name, s.Kind, strings.Join(s.Paths, ", "))
		}
	}
}
