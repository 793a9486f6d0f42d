package sample

var (
	fuels     = []string{"oil", "gas", "peat", "straw", "wax", "tar", "alcohol", "charcoal"}
	materials = []string{"brass", "steel", "copper", "oak", "bone", "chalk", "rubber", "zinc", "felt", "slate"}
)

var machineFacts = []factSpec{
	{
		kind: Machine, name: "maker", shape: shapeVia,
		wordings: []string{
			"{E} was made by {V}, who lives in {W}.",
			"{E} was invented by {V}, who lives in {W}.",
			"The maker of {E} is {V}, who lives in {W}.",
			"{V}, who lives in {W}, made {E}.",
			"{V}, who lives in {W}, is the maker of {E}.",
			"The machine {E} was made by {V} from {W}.",
			"The first plan of {E} is by {V} from {W}.",
			"It was {V} from {W} who made {E}.",
		},
		ask:    question{TaskTwoHop, "Where does the maker of {E} live?"},
		phrase: "the maker behind {E}", backPhrase: "the machine from the hands of {V}",
	},
	{
		kind: Machine, name: "keeper", shape: shapeName,
		wordings: []string{
			"{E} is kept by {V}.",
			"{E} is in the care of {V}.",
			"{E} has a keeper called {V}.",
			"The keeper of {E} is {V}.",
			"Each night {E} is cleaned by the keeper {V}.",
			"{V} is the keeper of {E}.",
			"{V} takes care of {E}.",
			"The keeper {V} cleans {E}.",
			"A keeper called {V} looks after {E}.",
		},
		ask:    question{TaskAttribute, "Who takes care of {E}?"},
		back:   question{TaskReverse, "Which machine does {V} take care of?"},
		phrase: "the keeper behind {E}", backPhrase: "the machine kept by {V}",
	},
	{
		kind: Machine, name: "hall", shape: shapeName,
		wordings: []string{
			"{E} stands in the hall {V}.",
			"{E} was set up in the hall {V}.",
			"{E} fills the hall {V}.",
			"{E} was moved to the hall {V}.",
			"You can see {E} in the hall {V}.",
			"The noise of {E} fills the hall {V}.",
			"Visitors find {E} in the hall {V}.",
			"The hall around {E} is called {V}.",
		},
		ask:    question{TaskAttribute, "Which hall is {E} in?"},
		phrase: "the hall with {E}", backPhrase: "the machine inside the hall {V}",
	},
	{
		kind: Machine, name: "fuel", shape: shapeWord, words: fuels,
		wordings: []string{
			"{E} burns {V}.",
			"{E} runs on {V}.",
			"{E} is driven by {V}.",
			"{E} needs {V} to run.",
			"The fire of {E} is fed with {V}.",
			"To start {E} you burn {V}.",
			"Without {V} to burn, {E} stops.",
			"The workers feed {E} with {V}.",
		},
		ask: question{TaskChoice, "What does {E} burn?"},
	},
	{
		kind: Machine, name: "materials", shape: shapeList, words: materials,
		wordings: []string{
			"{E} is built of {L}.",
			"{E} is made from {L}.",
			"{E} has parts of {L}.",
			"{E} holds parts of {L}.",
			"The parts of {E} are of {L}.",
			"For {E} they used {L}.",
			"Workers built {E} from {L}.",
			"It took {L} to build {E}.",
		},
		ask: question{TaskCount, "How many materials are in {E}?"},
	},
	{
		kind: Machine, name: "wheels and levers", shape: shapeCounts,
		wordings: []string{
			"{E} has {V} wheels and {W} levers.",
			"{E} moves {V} wheels and {W} levers.",
			"{E} turns on {V} wheels and {W} levers.",
			"{E} was built with {V} wheels and {W} levers.",
			"There are {V} wheels and {W} levers on {E}.",
			"The {V} wheels and {W} levers of {E} shine.",
			"With {V} wheels and {W} levers, {E} is loud.",
			"You can see {V} wheels and {W} levers on {E}.",
		},
		ask: question{TaskYesNo, "Does {E} have more wheels than levers?"},
	},
}
