"""Trains a byte-level BPE on the Go distribution's sources, so that both servers of bench/load read and write real text.

usage: make_tokenizer.py GOROOT VOCABULARY FILE

Ids 0 to 2 are <unk>, <s> and </s>. Which pieces it learns decides nothing but how many characters a token has.
"""

import pathlib
import sys

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

SPECIAL = ["<unk>", "<s>", "</s>"]


def main(goroot: str, vocabulary: str, target: str) -> None:
    files = sorted(str(p) for p in pathlib.Path(goroot, "src").rglob("*.go") if p.is_file() and p.stat().st_size < 1 << 18)
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.train(files, trainers.BpeTrainer(vocab_size=int(vocabulary), special_tokens=SPECIAL, show_progress=False,
                                               initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet())))
    if tokenizer.get_vocab_size() != int(vocabulary):
        sys.exit(f"{goroot}: only {tokenizer.get_vocab_size()} pieces were learnt, wanted {vocabulary}")
    tokenizer.save(target)


main(*sys.argv[1:])
