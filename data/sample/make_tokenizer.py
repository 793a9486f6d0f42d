"""Makes tokenizer.json, the small byte-level BPE of the embedded sample.

  python3 -m venv venv && venv/bin/pip install tokenizers==0.22.1
  go run ./data/sample/internal/dump > dump.jsonl
  venv/bin/python data/sample/make_tokenizer.py dump.jsonl data/sample/tokenizer.json

The dump holds Go doc comments, so another Go version learns other pieces of those
(the file here: go1.26.8). Nothing depends on which ones.

Any text can be encoded: all 256 bytes are in the vocabulary. Digits stand
alone (a leading space belongs to the first). A tag of the synthesizer is one
word of the pre-tokenizer, so that merges make it one piece; it stays ordinary
text. The merges that spell syllables come first, the others are learnt from the
dump: so a name inside a text is exactly three pieces. Trained in one go instead,
merges of ordinary words cut one name in three across its syllables.
"""
import collections
import json
import sys

from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers

VOCAB = 1024
SPECIAL = ["<unk>", "<s>", "</s>", "<pad>"]
WORD = r" ?</?[A-Z]{3}>| ?\p{L}+| ?\p{N}| ?[^\s\p{L}\p{N}]+|[\r\n]+|\s+(?!\S)|\s+"
SPACE = "\u0120"  # a leading space, as byte-level BPE writes it

SPLIT = pre_tokenizers.Sequence(
    [
        pre_tokenizers.Split(Regex(WORD), "isolated"),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
    ]
)


def syllable_merges(first, inner, last):
    """Consonant and vowel, then the capital with its space, then the closing consonant."""
    merges = [(s[0], s[1]) for s in inner + last]
    merges += [(SPACE, s[0]) for s in first] + [(SPACE + s[0], s[1]) for s in first]
    merges += [(s[:2], s[2]) for s in last]
    return list(dict.fromkeys(merges))


def apply(pieces, pair):
    """Joins every occurrence of the pair, left to right."""
    out, i = [], 0
    while i < len(pieces):
        if pieces[i : i + 2] == pair:
            out.append(pair[0] + pair[1])
            i += 2
        else:
            out.append(pieces[i])
            i += 1
    return out


def learn(texts, merges, room):
    """Extends merges by the most frequent pair, room times; ties go to the first in order."""
    counts = collections.Counter(w for t in texts for w, _ in SPLIT.pre_tokenize_str(t))
    words = [(list(w), n) for w, n in sorted(counts.items())]
    given, merges = merges, []
    while len(merges) < room:
        if given:
            best, given = given[0], given[1:]
        else:
            pairs = collections.Counter()
            for pieces, n in words:
                for pair in zip(pieces, pieces[1:]):
                    pairs[pair] += n
            best = min(pairs, key=lambda p: (-pairs[p], p))
        merges.append(best)
        pair = list(best)
        words = [(apply(p, pair) if pair[0] in p else p, n) for p, n in words]
    return merges


def main(source, target):
    with open(source, encoding="utf-8") as f:
        head, *texts = [json.loads(line) for line in f]
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocab = SPECIAL + letters
    merges = learn(texts, syllable_merges(*head["syllables"]), VOCAB - len(vocab))
    vocab += [a + b for a, b in merges]

    tokenizer = Tokenizer(models.BPE(vocab={v: i for i, v in enumerate(vocab)}, merges=merges))
    tokenizer.pre_tokenizer = SPLIT
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(SPECIAL)
    tokenizer.save(target)

    assert tokenizer.get_vocab_size() == VOCAB
    tokens = 0
    for text in texts:
        ids = tokenizer.encode(text).ids
        assert tokenizer.decode(ids) == text
        tokens += len(ids)
    chars = sum(map(len, texts))
    print(f"{VOCAB} pieces, {chars / tokens:.2f} characters a token on {len(texts)} texts")


if __name__ == "__main__":
    main(*sys.argv[1:])
