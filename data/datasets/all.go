package datasets

// all is in the order of the paper's figure; the held-out ones come last.
var all = []*Dataset{
	&qasper, &covidQA, &convFinQA, &spartQA, &babi, &qasc, &ecqa, &pubMedQA, &medQA, &squad,
	&topiOCQA, &quac, &wikiTables, &qed, &hotpotQA, &fairytaleQA, &narrativeQA, &mcTest, &nlquad, &newsQA, &triviaQA,
	&race, &raceC, &dream, &logiQA, &reclor, &aqua, &tweetQA, &coqa, &doqa, &ropes, &quartz, &multiRC, &quail, &cosmosQA,
	&socialIQA, &textbookQA, &wikiWhy, &fever, &collection,
}
