package mine

import (
	"fmt"
	"strings"
	"testing"
)

// fired lists what the rules find in a text, as "kind: rule: a => b".
func fired(text string) (out []string) {
	m := &Miner{opt: Options{Kinds: Kinds()}}
	add := func(k Kind, f finding) {
		if k != WordToText {
			out = append(out, fmt.Sprintf("%s: %s: %s => %s", k, f.rule, f.a, f.b))
		}
	}
	ss := split(text)
	m.search(ss, add)
	summed(ss, add)
	return out
}

// Planted sentences that a rule must see, and what it must see in them.
func TestRulesFire(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"The bridge was closed all day. Therefore, the lorries took the ferry.",
			"entailment: Therefore: The bridge was closed all day. => The lorries took the ferry."},
		{"All the tiles were sold on Monday. It follows that none was left on Tuesday.",
			"entailment: It follows that: All the tiles were sold on Monday. => None was left on Tuesday."},
		{"The hall seats nine hundred people. Moreover, it has two balconies.",
			"entailment: Moreover: The hall seats nine hundred people. => It has two balconies."},
		{"The seeds were sown in March. However, nothing came up before June.",
			"entailment: However: The seeds were sown in March. => Nothing came up before June."},
		{"The old pump is loud and slow. By contrast, the new one makes no noise.",
			"entailment: By contrast: The old pump is loud and slow. => The new one makes no noise.\n" +
				"paraphrase: By contrast: The old pump is loud and slow. => The new one makes no noise."},
		{"However, the dam broke in the night. As a result, the lower town was flooded.",
			"cause: As a result: The dam broke in the night. => The lower town was flooded."},
		{"The lamps went out at nine. This is because the generator had run dry.",
			"cause: This is because: The generator had run dry. => The lamps went out at nine."},
		{"The harvest failed because the summer had been too dry.",
			"cause: because: The summer had been too dry. => The harvest failed."},
		{"Moreover, the train was late because of the snow on the line.",
			"cause: because of: The snow on the line. => The train was late."},
		{"Three flights were cancelled due to thick fog.", "cause: due to: Thick fog. => Three flights were cancelled."},
		{"Many of the houses lost their roofs as a result of the storm.",
			"cause: as a result of: The storm. => Many of the houses lost their roofs."},
		{"The lamps went out at nine. This is because the pump had stopped because of a fault.",
			"cause: because of: A fault. => The pump had stopped."},
		{"Because the ice had melted, the lake could be crossed by boat.", ""}, // could: doubtful
		{"Because the ice had melted, the boats were let into the lake.",
			"cause: because, leading: The ice had melted. => The boats were let into the lake."},
		{"The cell keeps its salt level steady. In other words, it lets in as much as it lets out.",
			"paraphrase: In other words: The cell keeps its salt level steady. => It lets in as much as it lets out."},
		{"Viscosity is defined as the resistance of a fluid to flow.",
			"definition: is defined as: Viscosity => The resistance of a fluid to flow."},
		{"The term \"keystone\" refers to the last stone that is set into an arch.",
			"definition: refers to: keystone => The last stone that is set into an arch."},
		{"Heat transfer refers to the movement of energy between bodies.",
			"definition: refers to: heat transfer => The movement of energy between bodies."},
		{"Osmosis refers to the passage of water through a membrane.",
			"definition: refers to: Osmosis => The passage of water through a membrane."},
		{"The word “lee” means the side that is away from the wind.",
			"definition: means: lee => The side that is away from the wind."},
		{"A person who mends shoes for a living is called a cobbler.",
			"definition: is called: cobbler => A person who mends shoes for a living."},
		{"A lathe is a machine that turns a piece of wood against a blade.",
			"definition: is a … that: lathe => A machine that turns a piece of wood against a blade."},
		{"JavaScript exception is a value that is thrown by an engine.",
			"definition: is a … that: JavaScript exception => A value that is thrown by an engine."},
		{"A cobbler is a person who mends shoes for a living.",
			"definition: is a … that: cobbler => A person who mends shoes for a living."},
		{"Bronze is an alloy consisting mainly of copper and tin.",
			"definition: is a … that: Bronze => An alloy consisting mainly of copper and tin."},
		{"One. A first long sentence stands here. Another one follows it now. Then comes a third one. A fourth is needed too. " +
			"In summary, the town has changed a lot.", "summary: In summary:  => The town has changed a lot."},
	} {
		if got := strings.Join(fired(c.text), "\n"); got != c.want {
			t.Errorf("%q:\n got %s\nwant %s", c.text, got, c.want)
		}
	}
}

// Planted sentences in which every rule must stay silent.
func TestRulesStaySilent(t *testing.T) {
	for _, text := range []string{
		// The opening word has another sense, or nothing before it.
		"The scheme has had one year. Thus far, it has cost nothing at all.",
		"The king had a castle there. Hence the name of the whole town.",
		"It had rained for two weeks. As a result of luck, nobody was hurt.",
		"Therefore, the lorries took the ferry.",
		"The bridge was closed all day.\n\nTherefore, the lorries took the ferry.",
		"Was the bridge closed all day? Therefore, the lorries took the ferry.",
		"The bridge was closed. Therefore, go.",
		"The bridge was closed all day. The lorries therefore took the ferry.",
		"SEE OUR GREAT OFFERS HERE NOW. However, the ferry was late.",
		// No cause, or none that is certain.
		"The parcel is due to arrive at noon on Friday.",
		"The new line due to open in May runs to the coast.",
		"The delay was due to a fault in the signals.",
		"The delay was largely due to a fault in the signals.",
		"He did not leave the house because it was raining.",
		"They never came by boat because of the current.",
		"The firm failed, partly because of its debts.",
		"Some say that the firm failed simply because it was small.",
		"The cake would fall in because of the cold.",
		"If the road was closed because of snow, take the train.",
		"The shop closed because its owner died, but the bakery next door went on.",
		"The shop closed because its owner moved away because of his health.",
		"The shop in the lane closed, and also because its owner died.",
		"Is it true that the shop closed because its owner died?",
		"The shop (closed because its owner had) died.",
		"The long delay was clearly due to a fault in the signals.",
		"He left because.",
		"Because of the rain, the match was played on Monday.",
		"Because he was ill, tired and poor, he stayed at home.",
		"While a plain file is usually larger because of the names, it can be read by all.",
		"When the firm failed because of its debts the town suffered.",
		"These gates were shut due to an oversight and are open now.",
		"The town lay dark, typically because the pump had failed.",
		// No definition.
		"It refers to the last stone that is set into an arch.",
		"Smith refers to the last stone that is set into an arch.",
		"Anna Smith refers to the stone as a key.",
		"This is a machine that turns wood against a blade.",
		"There is a machine that turns wood against a blade.",
		"He is a man who mends shoes for a living.",
		"Tom is a man who mends shoes for a living.",
		"Anna Smith is a doctor that everybody knows here.",
		"The first is a machine that turns wood against a blade.",
		"My neighbour is a person who mends shoes.",
		"Closing the mine is a huge step in that direction.",
		"Instead there is a button that opens the door.",
		"Planning ahead is a long step in that direction.",
		"John believes chess is a game that bores most of us.",
		"A widget &mdash; is a thing that &mdash; turns a wheel.",
		"A boy who lived near the river is called Tom.",
		"A lathe is a machine.",
		"What he said is a thing that nobody understood.",
		"That means a lot to all of us here.",
		// In other words without a sentence before it.
		"In other words, it lets in as much as it lets out.",
		"The &quot;shop&quot; in the lane closed because its owner died.",
		"He moved to the U.S. The firm failed because the market was small.",
		// A summary that stands too early.
		strings.Repeat("A long sentence stands here. ", 6) + "In summary, the town has changed a lot. " + strings.Repeat("Another one stands here. ", 6),
		"In summary, the town has changed a lot. One. A first long sentence stands here. Another one follows it now. Then comes a third one. A fourth is needed too.",
		// No prose.
		"x = 3; because y is defined as {z} in the loop below here.",
		"Read https://example.org because the page is very good.",
		"",
	} {
		if got := fired(text); len(got) > 0 {
			t.Errorf("%q fires %q", text, got)
		}
	}
}
