package sample

var products = []string{
	"boots", "clocks", "chairs", "paper", "paint", "knives", "hats", "pipes", "bells", "cups", "nets", "keys",
}

var companyFacts = []factSpec{
	{
		kind: Company, name: "owner", shape: shapeName,
		wordings: []string{
			"{E} is owned by {V}.",
			"{E} was bought by {V}, its new owner.",
			"{E} has one owner, {V}.",
			"The owner of {E} is {V}.",
			"All of {E} is owned by {V}.",
			"{V} is the owner of {E}.",
			"{V} owns the company {E}.",
			"The owner {V} paid for {E}.",
			"Since last year {V} owns {E}.",
		},
		ask:    question{TaskAttribute, "Who owns {E}?"},
		back:   question{TaskReverse, "Which company does {V} own?"},
		phrase: "the owner behind {E}", backPhrase: "the company that {V} has",
	},
	{
		kind: Company, name: "seat", shape: shapeName,
		wordings: []string{
			"{E} has its office in {V}.",
			"{E} moved its office to {V}.",
			"{E} works from an office in {V}.",
			"The office of {E} is in {V}.",
			"Letters to {E} go to its office in {V}.",
			"You find the office of {E} in {V}.",
			"{E} opened an office in {V}.",
			"From an office in {V} comes all that {E} does.",
		},
		ask:    question{TaskCloze, "Fill the gap: the office of {E} is in ___."},
		phrase: "the office town of {E}", backPhrase: "the company with the office in {V}",
	},
	{
		kind: Company, name: "rival", shape: shapeName,
		wordings: []string{
			"{E} has a rival called {V}.",
			"{E} fights with its rival {V}.",
			"{E} lost money to its rival {V}.",
			"The rival of {E} is {V}.",
			"Each year {E} beats its rival {V}.",
			"People compare {E} with its rival {V}.",
			"Prices at {E} follow those of its rival {V}.",
			"For {E} the only rival is {V}.",
		},
		ask:    question{TaskAttribute, "Which company is the rival of {E}?"},
		phrase: "the rival that {E} has", backPhrase: "the company against its rival {V}",
	},
	{
		kind: Company, name: "products", shape: shapeList, words: products,
		wordings: []string{
			"{E} makes {L}.",
			"{E} began by making {L}.",
			"{E} makes and sends out {L}.",
			"{E} has shops full of {L}.",
			"The workers of {E} make {L}.",
			"At {E} they make {L}.",
			"You can order {L} from {E}.",
			"People buy {L} made by {E}.",
		},
		ask: question{TaskOddOneOut, "Which of these does {E} not make?"},
	},
	{
		kind: Company, name: "shops and ships", shape: shapeCounts,
		wordings: []string{
			"{E} has {V} shops and {W} ships.",
			"{E} runs {V} shops and {W} ships.",
			"{E} bought {V} shops and {W} ships.",
			"{E} pays for {V} shops and {W} ships.",
			"There are {V} shops and {W} ships of {E}.",
			"The {V} shops and {W} ships of {E} are new.",
			"With {V} shops and {W} ships, {E} is growing.",
			"Today {E} has {V} shops and {W} ships.",
		},
		ask: question{TaskDifference, "How many more shops than ships does {E} have?"},
	},
}
