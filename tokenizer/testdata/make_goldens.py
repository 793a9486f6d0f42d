#!/usr/bin/env python3
"""Make the small tokenizers of testdata and what Hugging Face encodes with them.

    python3 -m venv /tmp/venv && /tmp/venv/bin/pip install tokenizers==0.23.3 transformers==5.23.0
    /tmp/venv/bin/python make_goldens.py

Writes <style>.json, a tokenizer.json, for four styles, and goldens.json.gz: for every text and style,
the embedded sample's tokenizer (data/sample/tokenizer.json) among them, the ids with and without
special tokens recognised, byte offsets and decodings; and the decodings of random ids, most of
them broken UTF-8. `tokenizers` and `transformers` are held against one another here.
"""
import gzip
import hashlib
import json
import os
import random
import unicodedata

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import PreTrainedTokenizerFast

HERE = os.path.dirname(os.path.abspath(__file__))
SAMPLE = os.path.join(HERE, "..", "..", "data", "sample", "tokenizer.json")
LLAMA3 = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"

CORPUS = """
The lighthouse keeper wrote in her log that the storm came from the north-west at half past seven.
It's what we've always done: they'll say "we're late", I'd say he's early, and you can't, won't, don't mind.
In 1969 there were 1234567 copies of the 2nd edition, 42% of them sold before 3.14 pm on 12/31/1999.
def parse(line: str) -> dict[str, int]:\n    if not line.strip():\n        return {}\n    return {k: int(v) for k, v in items}
for (int i = 0; i < n; ++i) { sum += a[i] * b[i]; }  // the dot product\n\n\n\treturn sum;
Der Bürgermeister überreichte dem größten Fräulein einen süßen Kuchen; l'élève a mangé où ça?
Привет, мир! Съешь же ещё этих мягких французских булок, да выпей чаю.
你好，世界。今天的天气很好，我们去公园散步吧。日本語のテキストも少し入れます。한국어도 있습니다.
The quick brown fox jumps over the lazy dog. The dog, being lazy, did not move; the fox, being quick, did.
A model of language assigns a probability to the next token given all the tokens before it.
Questions and answers: What is the capital of the province? The capital is Northaven. Why? Because it is.
""".strip().split("\n") * 4


def texts():
    """Texts that tokenizers are known to differ on, then seeded random ones."""
    fixed = [
        "", " ", "  ", "   a", "a   ", "a  b   c    d", "\n", "\n\n\n", " \n \n", "\t\t x\t", "\r\n\r\n", "a\r\nb\rc\n",
        "Hello, world!", "hello world", " hello", "hello ", "HELLO'LL we'VE it's don'T I'd 'tis 'S",
        "1", "12", "123", "1234", "12345", "123456", "1234567", "3.14159", "a1b22c333d4444", "٣٤٥٦٧", "１２３４", "½ ¾ Ⅷ ²³",
        "naïve café", unicodedata.normalize("NFD", "naïve café"), "ﬁ ﬂ Å Å", "straße STRASSE ẞ", "İstanbul ı",
        "你好，世界。", "日本語テキスト", "한국어", "Привет", "שלום עולם", "مرحبا بالعالم", "नमस्ते दुनिया", "ไทย", "👋🏽 hi", "👨‍👩‍👧‍👦 family", "🇩🇪🇫🇷",
        "e\u0301\u0302\u0303", "\u200b\u200d\ufeff", "\ufeffBOM", "\u00a0nbsp\u2003em\u3000wide", "\u2028line\u2029para", "\x85nel",
        "\x01\x02\x03\x1f\x7f", "\x00", "\x00\x00", "a\x00b", "a \x00 b", "\x00a", "a\x00", "!\x00?", "\n\x00\n", " \x00", "\x00 ",
        "it\x00's 12\x003", "\x00<s>\x00", "<s>\x00</s>\x00", "<|begin_of_text|>\x00x", "\ufdd0", "\ufdd0\x00", "\x00\ufdd0\ufdd1\ufdd2\x00\ufdd0\ufdd0\x00",
        "\ufdd1\x00", "\ufdd2\x00\ufdd2", "\ufdd1\ufdd3\x00", "\ufdd1\ufdd2\x00\ufdd0\ufdd1\ufdd2\ufdd1\ufdd3", "\ufdd4\x00\ufdd5\ufdd6", "é\x00é", "你\x00好", "\x00" * 9, "\ufffd", "a\ufffdb", "\U0010ffff\ue000",
        "<CON>", " <QUE> x </QUE><ANS>y</ANS>", "<Abc> <ABCD> </ABC", "<s>", "</s>", "<unk>", "<s> hello</s>", "x<s>y", "<s><s>", " <s> ", "<s >", "<S>", "<<s>>", "</s> \n<s>",
        "<|begin_of_text|>", "<|end_of_text|>Hi<|begin_of_text|>", "a <|end_of_text|> b", "<|end_of_text", "<|endoftext|>", "x <|endoftext|>",
        "[tool]", "a [tool] b", "the tool [tool][tool]", "<0x41>", "<0x0A>\n<0xE4>", "▁", "▁▁a▁b", "Ġ", "Ċ Ġx", "Āā",
        "def f(x):\n    return x + 1\n\n\nclass A:\n\tpass\n", "if (a && b || !c) { x->y = z[0]; } /* ok? */", "http://example.org/a?b=c&d=%20#e",
        "$1,234.56 (approx.) — “quoted” ‘single’ … — en–dash", "~!@#$%^&*()_+-=[]{}|;':\",./<>?`\\", "a" * 300, "ab" * 150, " " * 100, "\n" * 50 + "x",
        "(" * 70, "the " * 60, "Ünïcödé " * 10, "!?!?...\n\n...", "...\r\n\r\n  x", "word\n  indented\n\tmore", "a\u0300\x00\u0301b",
    ]
    rng = random.Random(1)
    pools = [
        "abcdefghijklmnopqrstuvwxyz", "ABCXYZ", "0123456789", "     ", "\n\t\r", ".,;:!?'\"()-", "éüßñçÅ", "你好世界日本語한국", "Приветмир", "🙂🎉👍🏽", "\x00\x01\x7f",
        "\u0301\u200d\ufe0f", "▁ĠĊ", "<>|s/",
    ]
    for _ in range(160):
        pool = rng.sample(pools, rng.randint(1, 5))
        fixed.append("".join(rng.choice(rng.choice(pool)) for _ in range(rng.randint(1, 60))))
    for _ in range(30):  # any character at all
        chars = (chr(rng.randrange(0x110000)) for _ in range(20))
        fixed.append("".join(c for c in chars if not "\ud800" <= c <= "\udfff"))
    words = " ".join(CORPUS).split(" ")
    for _ in range(60):
        fixed.append(" ".join(rng.choice(words) for _ in range(rng.randint(2, 25))))
    return fixed


def train(pre, vocab_size, specials, alphabet):
    tok = Tokenizer(models.BPE())
    tok.pre_tokenizer = pre
    trainer = trainers.BpeTrainer(vocab_size=vocab_size, special_tokens=specials, initial_alphabet=alphabet, show_progress=False)
    tok.train_from_iterator(CORPUS, trainer)
    model = json.loads(tok.to_str())["model"]
    return model["vocab"], [tuple(m) for m in model["merges"]]


def special(text, **kw):
    return AddedToken(text, special=True, normalized=False, **kw)


def template(bos, eos, ids):
    return processors.TemplateProcessing(single=f"{bos} $A", pair=f"{bos} $A {bos} $B", special_tokens=[(bos, ids(bos))])


def llama2_model():
    """As sentencepiece files are converted: bytes after the specials, then pieces."""
    pieces, merges = train(pre_tokenizers.Metaspace(), 500, [], [])
    vocab = {t: i for i, t in enumerate(["<unk>", "<s>", "</s>"] + [f"<0x{b:02X}>" for b in range(256)])}
    for piece in sorted(pieces, key=pieces.get):
        vocab.setdefault(piece, len(vocab))
    return models.BPE(vocab=vocab, merges=merges, unk_token="<unk>", fuse_unk=True, byte_fallback=True)


def make_llama2():
    tok = Tokenizer(llama2_model())
    tok.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    tok.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)])
    tok.add_special_tokens([special("<unk>"), special("<s>"), special("</s>")])
    tok.post_processor = template("<s>", "</s>", tok.token_to_id)
    return tok


def make_mistral():
    """The same pieces as newer conversions set them up, with an added token that is not special."""
    tok = Tokenizer(llama2_model())
    tok.pre_tokenizer = pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="first", split=False)
    tok.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)])
    tok.add_special_tokens([special("<unk>"), special("<s>"), special("</s>", rstrip=True)])
    tok.add_tokens([AddedToken("[tool]", normalized=False, single_word=True)])
    tok.post_processor = template("<s>", "</s>", tok.token_to_id)
    return tok


def byte_model(pre, vocab_size, **kw):
    vocab, merges = train(pre, vocab_size, [], pre_tokenizers.ByteLevel.alphabet())
    return models.BPE(vocab=vocab, merges=merges, **kw)


def make_llama3():
    pre = pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(LLAMA3), behavior="isolated"),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
    ])
    tok = Tokenizer(byte_model(pre, 600, ignore_merges=True))
    tok.pre_tokenizer = pre
    tok.decoder = decoders.ByteLevel()
    tok.add_special_tokens([special("<|begin_of_text|>"), special("<|end_of_text|>")])
    tok.add_tokens([AddedToken("[tool]", normalized=True)])
    tok.post_processor = processors.Sequence([
        processors.ByteLevel(trim_offsets=False), template("<|begin_of_text|>", "<|end_of_text|>", tok.token_to_id)])
    return tok


def make_gpt2():
    pre = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    tok = Tokenizer(byte_model(pre, 450))
    tok.pre_tokenizer = pre
    tok.decoder = decoders.ByteLevel()
    tok.post_processor = processors.ByteLevel(trim_offsets=True)
    tok.add_special_tokens([special("<|endoftext|>")])
    return tok


def byte_offsets(text, offsets):
    at = [0]
    for c in text:
        at.append(at[-1] + len(c.encode()))
    return [at[x] for pair in offsets for x in pair]


def goldens(path, all_texts):
    tok = Tokenizer.from_file(path)
    with open(path, "rb") as f:
        digest = hashlib.sha256(f.read()).hexdigest()
    fast = PreTrainedTokenizerFast(tokenizer_object=tok)
    rows = []
    for text in all_texts:
        enc = tok.encode(text, add_special_tokens=False)
        assert fast(text, add_special_tokens=False)["input_ids"] == enc.ids, text
        tok.encode_special_tokens = True
        plain = tok.encode(text, add_special_tokens=False).ids
        tok.encode_special_tokens = False
        row = {"ids": enc.ids, "offsets": byte_offsets(text, enc.offsets), "decoded": tok.decode(enc.ids, skip_special_tokens=False)}
        if plain != enc.ids:
            row["plain"] = plain
        skipped = tok.decode(enc.ids, skip_special_tokens=True)
        if skipped != row["decoded"]:
            row["skipped"] = skipped
        rows.append(row)
    rng = random.Random(2)
    n = tok.get_vocab_size(with_added_tokens=True)
    drawn = []
    for _ in range(120):
        ids = [rng.randrange(min(n, 300) if rng.random() < 0.7 else n) for _ in range(rng.randint(1, 12))]
        drawn.append({"ids": ids, "decoded": tok.decode(ids, skip_special_tokens=False), "skipped": tok.decode(ids, skip_special_tokens=True)})
    return {"sha256": digest, "texts": rows, "drawn": drawn}


def main():
    all_texts = texts()
    out = {"texts": all_texts, "styles": {}}
    for name, make in [("llama2", make_llama2), ("mistral", make_mistral), ("llama3", make_llama3), ("gpt2", make_gpt2)]:
        tok = make()
        tok.save(os.path.join(HERE, name + ".json"), pretty=False)
        out["styles"][name] = goldens(os.path.join(HERE, name + ".json"), all_texts)
    out["styles"]["sample"] = goldens(SAMPLE, all_texts)
    raw = json.dumps(out, ensure_ascii=True, separators=(",", ":")).encode()
    with open(os.path.join(HERE, "goldens.json.gz"), "wb") as f:
        f.write(gzip.compress(raw, 9, mtime=0))


if __name__ == "__main__":
    main()
