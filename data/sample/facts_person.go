package sample

// trades and what each works with: the question asks for the second, the text
// holds only the first.
var tradeOf = map[string]string{
	"baker": "bread", "smith": "iron", "fisher": "fish", "weaver": "cloth", "potter": "clay",
	"tanner": "leather", "carver": "wood", "scribe": "ink", "shepherd": "sheep", "mason": "stone",
}

var trades = []string{
	"baker", "smith", "fisher", "weaver", "potter", "tanner", "carver", "scribe", "shepherd", "mason",
}

var personFacts = []factSpec{
	{
		kind: Person, name: "teacher", shape: shapeName,
		wordings: []string{
			"{E} was taught by {V}.",
			"{E} had a teacher called {V}.",
			"{E} learned to read from the teacher {V}.",
			"The teacher of {E} was {V}.",
			"In school {E} was taught by {V}.",
			"{V} was the teacher of {E}.",
			"{V} taught {E} to read.",
			"The teacher {V} taught {E}.",
			"School with the teacher {V} was hard for {E}.",
		},
		ask:    question{TaskAttribute, "Who taught {E}?"},
		back:   question{TaskReverse, "Who was taught by {V}?"},
		phrase: "the teacher behind {E}", backPhrase: "the pupil that {V} had",
	},
	{
		kind: Person, name: "home", shape: shapeName,
		wordings: []string{
			"{E} lives in {V}.",
			"{E} has a house in {V}.",
			"{E} found a home in {V}.",
			"{E} went to live in {V}.",
			"The home of {E} is in {V}.",
			"The house of {E} stands in {V}.",
			"Friends visit {E} at home in {V}.",
			"For years {E} lives in {V}.",
		},
		ask:    question{TaskAttribute, "Where does {E} live?"},
		phrase: "the home town of {E}", backPhrase: "the person at home in {V}",
	},
	{
		kind: Person, name: "dog", shape: shapeName,
		wordings: []string{
			"{E} has a dog called {V}.",
			"{E} feeds the dog {V}.",
			"{E} walks with the dog {V}.",
			"The dog of {E} is called {V}.",
			"At night {E} lets the dog {V} in.",
			"{V} is the dog of {E}.",
			"The dog {V} sleeps beside {E}.",
			"A dog called {V} runs after {E}.",
		},
		ask:    question{TaskCloze, "Fill the gap: the dog of {E} is called ___."},
		back:   question{TaskReverse, "Whose dog is {V}?"},
		phrase: "the dog with {E}", backPhrase: "the person with the dog {V}",
	},
	{
		kind: Person, name: "trade", shape: shapeWord, words: trades,
		wordings: []string{
			"{E} is a {V}.",
			"{E} works as a {V}.",
			"{E} became a {V}.",
			"{E} earns money as a {V}.",
			"By trade {E} is a {V}.",
			"People know {E} as a good {V}.",
			"The work of {E} is that of a {V}.",
			"All day {E} works as a {V}.",
		},
		ask: question{TaskCommonSense, "What does {E} work with?"},
	},
	{
		kind: Person, name: "age", shape: shapeAges,
		wordings: []string{
			"{E} is {V} years old and {F} is {W}.",
			"{E} is {V} years old, while {F} is {W}.",
			"Today {E} is {V} years old and {F} is {W}.",
			"This year {E} turns {V} and {F} turns {W}.",
			"At {V} years {E} lives beside {F}, who is {W}.",
			"{E} turned {V} years old when {F} turned {W}.",
			"{E}, {V} years old, plays with {F}, who is {W}.",
			"While {E} is {V} years old, {F} is {W}.",
		},
		ask: question{TaskOlder, "Who is older, {E} or {F}?"},
	},
	{
		kind: Person, name: "brothers and sisters", shape: shapeCounts,
		wordings: []string{
			"{E} has {V} brothers and {W} sisters.",
			"{E} grew up with {V} brothers and {W} sisters.",
			"{E} plays with {V} brothers and {W} sisters.",
			"{E} writes to {V} brothers and {W} sisters.",
			"There are {V} brothers and {W} sisters of {E}.",
			"The {V} brothers and {W} sisters of {E} are tall.",
			"At home {E} has {V} brothers and {W} sisters.",
			"With {V} brothers and {W} sisters, {E} is never alone.",
		},
		ask: question{TaskTrueFalse, "True or false: {E} has more brothers than sisters."},
	},
}
