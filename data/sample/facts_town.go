package sample

var goods = []string{
	"silk", "tin", "salt", "wool", "honey", "glass", "rope", "wine", "rice", "soap", "coal", "lamps",
}

var townFacts = []factSpec{
	{
		kind: Town, name: "river", shape: shapeName,
		wordings: []string{
			"{E} lies on the river {V}.",
			"{E} was built beside the river {V}.",
			"{E} takes its water from the river {V}.",
			"Boats reach {E} by the river {V}.",
			"In {E} people swim in the river {V}.",
			"The river {V} runs through {E}.",
			"The river {V} flows past {E}.",
			"On the river {V} stands {E}.",
			"The water of the river {V} comes to {E}.",
		},
		ask:    question{TaskAttribute, "Which river is {E} on?"},
		back:   question{TaskReverse, "Which town is on the river {V}?"},
		phrase: "the river at {E}", backPhrase: "the town beside the river {V}",
	},
	{
		kind: Town, name: "mayor", shape: shapeName,
		wordings: []string{
			"{E} is led by mayor {V}.",
			"{E} chose {V} as mayor.",
			"People in {E} call {V} their mayor.",
			"The mayor of {E} is {V}.",
			"In {E} the mayor is called {V}.",
			"{V} is the mayor of {E}.",
			"{V} was made mayor of {E}.",
			"Mayor {V} leads {E}.",
			"A mayor called {V} speaks for {E}.",
		},
		ask:    question{TaskCloze, "Fill the gap: the mayor of {E} is ___."},
		back:   question{TaskReverse, "Where is {V} the mayor?"},
		phrase: "the mayor in {E}", backPhrase: "the town with the mayor {V}",
	},
	{
		kind: Town, name: "hill", shape: shapeName,
		wordings: []string{
			"{E} sits below the hill {V}.",
			"{E} looks up at the hill {V}.",
			"{E} has walls up to the hill {V}.",
			"From {E} a road climbs the hill {V}.",
			"Behind {E} is the hill {V}.",
			"The hill above {E} is {V}.",
			"Sheep of {E} eat on the hill {V}.",
			"People of {E} walk up the hill {V}.",
		},
		ask:    question{TaskAttribute, "Which hill is above {E}?"},
		phrase: "the hill at {E}", backPhrase: "the town under the hill {V}",
	},
	{
		kind: Town, name: "goods", shape: shapeList, words: goods,
		wordings: []string{
			"{E} sells {L}.",
			"{E} is known for {L}.",
			"{E} has a market with {L}.",
			"You can buy {L} in {E}.",
			"Traders from {E} carry {L}.",
			"Shops in {E} sell {L}.",
			"The market of {E} offers {L}.",
			"Carts leave {E} with {L}.",
		},
		ask: question{TaskList, "What is sold in {E}?"},
	},
	{
		kind: Town, name: "bridges and gates", shape: shapeCounts,
		wordings: []string{
			"{E} has {V} bridges and {W} gates.",
			"{E} was built with {V} bridges and {W} gates.",
			"{E} keeps {V} bridges and {W} gates.",
			"There are {V} bridges and {W} gates in {E}.",
			"In {E} there are {V} bridges and {W} gates.",
			"You can count {V} bridges and {W} gates in {E}.",
			"With {V} bridges and {W} gates, {E} is easy to reach.",
			"The {V} bridges and {W} gates of {E} are old.",
		},
		ask: question{TaskMoreOf, "Does {E} have more bridges or more gates?"},
	},
}
