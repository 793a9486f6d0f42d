"""Hugging Face's tokenizers and datasets, and datatrove, as sides of bench/corpus (bench/corpus/peer.go): the same inputs, the same
tokenizer.json, the same number of processes. A turn answers with its seconds, the texts it saw and the tokens it made."""

import importlib.metadata
import json
import os
import shutil
import tempfile
import time

import side

BATCH = 1000  # texts given to encode_batch at once, as datasets' map gives them


def version(*names: str) -> str:
    return ", ".join(f"{n} {importlib.metadata.version(n)}" for n in names)


def train(job: dict) -> None:
    """Makes the tokenizer.json that all sides use: byte-level BPE of 16,384 pieces from the benchmark's own text."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    t = Tokenizer(models.BPE())
    t.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    t.decoder = decoders.ByteLevel()
    t.train_from_iterator(texts_of(job), trainers.BpeTrainer(vocab_size=16_384, special_tokens=["<s>", "</s>"], show_progress=False,
                          initial_alphabet=pre_tokenizers.ByteLevel.alphabet()))
    t.save(job["tokenizer"])


def texts_of(job: dict) -> list[str]:
    with open(job["texts"]) as f:
        return [json.loads(line)["text"] for line in f]


def tokenize(job: dict):
    """encode_batch over texts in memory; the ids are taken out, as whoever writes them has to."""
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(job["tokenizer"])
    texts = texts_of(job)
    encode = tokenizer.encode_batch_fast if job["mode"] == "encode_batch_fast" else tokenizer.encode_batch

    def turn() -> dict:
        tokens = 0
        for i in range(0, len(texts), BATCH):
            for e in encode(texts[i : i + BATCH], add_special_tokens=False):
                tokens += len(e.ids)
        return {"texts": len(texts), "tokens": tokens}

    return version("tokenizers"), turn


PATTERNS = ["{q}\n{a}", "Question: {q}\nAnswer: {a}", "Q: {q}\nA: {a}", "{q} {a}", "Problem: {q}\n\nSolution: {a}"]
OPTIONS = ["Options:", "Choose from:", "Possible answers:"]


def render(batch: dict) -> dict:
    """What templates at their simplest do: the text, then its pairs by one pattern a text, options as a list, a thought before its answer."""
    out = []
    for n, (text, pairs) in enumerate(zip(batch["text"], batch["pairs"])):
        pattern, heading = PATTERNS[n % len(PATTERNS)], OPTIONS[n % len(OPTIONS)]
        parts = [text or ""]
        for p in pairs:
            q, a = p["instruction"], p["response"]
            if p.get("options"):
                q += "\n" + heading + "".join("\n- " + o for o in p["options"])
            if p.get("thought"):
                a = p["thought"] + "\nTherefore, the answer is " + a
            parts.append(pattern.format(q=q, a=a))
        out.append("\n\n".join(parts))
    return {"rendered": out}


def pipeline(job: dict):
    """JSONL.zst -> map(render) -> map(encode_batch) -> token ids on disk, with num_proc = cores; nothing is taken from a cache."""
    import datasets
    from tokenizers import Tokenizer

    datasets.disable_progress_bars()
    tokenizer = Tokenizer.from_file(job["tokenizer"])
    bos, eos = tokenizer.token_to_id("<s>"), tokenizer.token_to_id("</s>")

    def encode(batch: dict) -> dict:
        encoded = tokenizer.encode_batch_fast(batch["rendered"], add_special_tokens=False)
        return {"input_ids": [[bos, *e.ids, eos] for e in encoded]}

    def both(batch: dict) -> dict:
        return encode(render(batch))

    procs = job["threads"] if job["threads"] > 1 else None

    def turn() -> dict:
        cache = tempfile.mkdtemp(dir=job["work"])
        rows = datasets.load_dataset("json", data_files=job["examples"], split="train", cache_dir=cache)
        if job["mode"] == "one map":
            rows = rows.map(both, batched=True, num_proc=procs, remove_columns=rows.column_names)
        else:
            rows = rows.map(render, batched=True, num_proc=procs, remove_columns=rows.column_names)
            rows = rows.map(encode, batched=True, num_proc=procs, remove_columns=rows.column_names)
        tokens = sum(sum(len(ids) for ids in batch["input_ids"]) for batch in rows.select(range(min(100, len(rows)))).iter(100))
        count = len(rows)
        del rows
        shutil.rmtree(cache)
        return {"texts": count, "tokens": 0, "sample": tokens}

    return version("datasets", "tokenizers", "pyarrow"), turn


def minhash(job: dict):
    """Signatures, buckets, clusters and the filter of datatrove, 5-word shingles, 14 bands of 8 hashes, on one machine."""
    from datatrove.executor import LocalPipelineExecutor
    from datatrove.pipeline.dedup import MinhashDedupBuckets, MinhashDedupCluster, MinhashDedupFilter, MinhashDedupSignature
    from datatrove.pipeline.dedup.minhash import MinhashConfig
    from datatrove.pipeline.readers import JsonlReader
    from datatrove.pipeline.writers import JsonlWriter

    config = MinhashConfig(n_grams=5, num_buckets=14, hashes_per_bucket=8)
    folder = os.path.join(os.path.dirname(job["texts"]), "parts")  # a file for each worker

    def turn() -> dict:
        work = tempfile.mkdtemp(dir=job["work"])

        def at(what: str) -> str:
            return os.path.join(work, what)

        def run(steps: list, tasks: int) -> None:
            LocalPipelineExecutor(pipeline=steps, tasks=tasks, workers=min(tasks, job["threads"]), logging_dir=at("logs" + steps[-1].name),
                                  skip_completed=False).run()

        def reader() -> JsonlReader:
            return JsonlReader(folder)

        run([reader(), MinhashDedupSignature(output_folder=at("sig"), config=config, language="eng")], job["threads"])
        run([MinhashDedupBuckets(input_folder=at("sig"), output_folder=at("buckets"), config=config)], config.num_buckets)
        run([MinhashDedupCluster(input_folder=at("buckets"), output_folder=at("remove"), config=config)], 1)
        run([reader(), MinhashDedupFilter(input_folder=at("remove")), JsonlWriter(at("out"), compression=None)], job["threads"])
        kept = 0
        for name in os.listdir(at("out")):
            with open(os.path.join(at("out"), name)) as f:
                kept += sum(1 for _ in f)
        shutil.rmtree(work)
        return {"texts": kept, "tokens": 0}

    return version("datatrove", "spacy"), turn


WORK = {"tokenize": tokenize, "pipeline": pipeline, "minhash": minhash}


def open_side(job: dict):
    if job["kind"] == "train":
        train(job)
        return version("tokenizers"), [], lambda work, count: {}
    name, one = WORK[job["kind"]](job)

    def turn(work: str, count: int) -> dict:
        start = time.perf_counter()
        answer = one()
        return answer | {"seconds": time.perf_counter() - start}

    return name, [job["mode"], f"{job['threads']} threads or processes"], turn


if __name__ == "__main__":
    os.environ["TOKENIZERS_PARALLELISM"] = "true"
    side.serve(open_side)
