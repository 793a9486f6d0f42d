"""Python clients against a running server: OpenAI's, and lm-evaluation-harness, whose numbers must be those of transformers.

    clients.py URL KEY MODEL_FOLDER WINDOW SCRATCH_FOLDER openai|lm_eval
"""
import json
import os
import pathlib
import sys

os.environ.update(HF_HUB_OFFLINE="1", HF_DATASETS_OFFLINE="1", TRANSFORMERS_OFFLINE="1", TOKENIZERS_PARALLELISM="false")
url, key, folder, window, scratch, what = sys.argv[1:]
os.environ["OPENAI_API_KEY"] = key
TOLERANCE = 1e-4


def check(good, *said):
    if not good:
        sys.exit("clients.py: " + " ".join(str(s) for s in said))


def openai_client():
    import openai

    c = openai.OpenAI(base_url=url + "/v1", api_key=key, max_retries=0)
    name = c.models.list().data[0].id
    check(c.models.retrieve(name).id == name, "models")
    out = c.completions.create(model="m", prompt=["The town", "A river"], max_tokens=8, temperature=0, logprobs=2, seed=3)
    check(len(out.choices) == 2 and len(out.choices[1].logprobs.token_logprobs) == 8, out)
    text = "".join(chunk.choices[0].text for chunk in c.completions.create(model="m", prompt="The town", max_tokens=8, temperature=0, stream=True))
    check(text == out.choices[0].text, "streamed", repr(text), "whole", repr(out.choices[0].text))
    talk = [{"role": "user", "content": "Where?"}]
    chat = c.chat.completions.create(model="m", messages=talk, max_tokens=6, temperature=0, logprobs=True, top_logprobs=2)
    check(chat.choices[0].message.content and len(chat.choices[0].logprobs.content) == 6, chat)
    streamed = c.chat.completions.create(model="m", messages=talk, max_tokens=6, temperature=0, stream=True, stream_options={"include_usage": True})
    chunks = list(streamed)
    check("".join(x.choices[0].delta.content or "" for x in chunks if x.choices) == chat.choices[0].message.content, "chat streamed")
    check(chunks[-1].usage.total_tokens == chat.usage.total_tokens, chunks[-1])
    for bad in ({"max_tokens": 10**6}, {"temperature": 99}, {"extra_body": {"nonsense": 1}}):
        try:
            c.completions.create(model="m", prompt="a", **bad)
            check(False, bad, "was accepted")
        except openai.BadRequestError as e:
            check(e.body["message"] and e.param, e.body)
    try:
        openai.OpenAI(base_url=url + "/v1", api_key="wrong", max_retries=0).models.list()
        check(False, "a wrong key was accepted")
    except openai.AuthenticationError:
        pass
    print("openai", openai.__version__, "ok")


CHOICES = [
    {"q": "The town of Kalomir lies by the", "choices": ["river", "old bridge of the town", "sea"], "gold": 0},
    {"q": "Who sells bread? Grüße, 世界", "choices": ["the baker", "nobody", "a"], "gold": 1},
    {"q": "A", "choices": ["b", "c d e f g h", "  two blanks"], "gold": 2},
] + [{"q": "Question %d of many, about %s?" % (i, "x" * i), "choices": ["yes", "no", "maybe %d" % i], "gold": i % 3} for i in range(9)]
TEXTS = [{"text": t} for t in ("One.", "The town of Kalomir lies by the river Bor. It has many bakers.", "They sell bread and rolls. " * 40, "世界 🙂 é")]

TASKS = {
    "primer_choice": dict(output_type="multiple_choice", doc_to_text="{{q}}", doc_to_target="{{gold}}", doc_to_choice="{{choices}}",
                          metric_list=[dict(metric="acc"), dict(metric="acc_norm")]),
    "primer_rolling": dict(output_type="loglikelihood_rolling", doc_to_text="", doc_to_target="{{text}}",
                           metric_list=[dict(metric="bits_per_byte")]),
    "primer_until": dict(output_type="generate_until", doc_to_text="{{text}}", doc_to_target="x",
                         generation_kwargs=dict(until=["e", "\n\n"], max_gen_toks=12, temperature=0.0, do_sample=False), metric_list=[dict(metric="exact_match")]),
}


def write_tasks(at):
    for name, task in TASKS.items():
        rows = CHOICES if name == "primer_choice" else TEXTS[:2] if name == "primer_until" else TEXTS
        data = at / (name + ".jsonl")
        data.write_text("".join(json.dumps(r) + "\n" for r in rows))
        full = dict(task=name, dataset_path="json", dataset_kwargs=dict(data_files=dict(test=str(data))), test_split="test", num_fewshot=0, **task)
        (at / (name + ".yaml")).write_text(json.dumps(full))  # JSON is YAML


def lm_eval_client():
    import lm_eval
    import torch
    from lm_eval.tasks import TaskManager

    torch.set_num_threads(1)
    at = pathlib.Path(scratch)
    write_tasks(at)
    os.environ["HF_DATASETS_CACHE"] = str(at / "cache")

    def run(kind, tasks, **args):
        out = lm_eval.simple_evaluate(model=kind, model_args=args, tasks=tasks, task_manager=TaskManager(include_path=str(at), include_defaults=False),
                                      log_samples=True, bootstrap_iters=0, verbosity="ERROR", device="cpu")
        return {t: sorted(((s["doc_id"], s["resps"]) for s in out["samples"][t])) for t in tasks}

    worst, compared = 0.0, 0
    n = int(window)
    # To send what transformers feeds a window of n, the harness's HTTP client has to be told n + 2 for scoring, n + 1 for generation.
    for tasks, length in ((["primer_choice", "primer_rolling"], n + 2), (["primer_until"], n + 1)):
        ours = run("local-completions", tasks, model="m", base_url=url + "/v1/completions", tokenizer=folder, tokenizer_backend="huggingface",
                   num_concurrent=3, max_length=length, batch_size=2, max_retries=1)
        theirs = run("hf", tasks, pretrained=folder, dtype="float32", max_length=n, batch_size=1, add_bos_token=False)
        for t in tasks:
            check(len(ours[t]) == len(theirs[t]) > 0, t, len(ours[t]))
            for (i, a), (_, b) in zip(ours[t], theirs[t]):
                flat_a, flat_b = flatten(a), flatten(b)
                check(len(flat_a) == len(flat_b) > 0, t, i, a, b)
                for x, y in zip(flat_a, flat_b):
                    compared += 1
                    if isinstance(x, float):
                        worst = max(worst, abs(x - y))
                        check(abs(x - y) <= TOLERANCE, t, i, "log-likelihood", x, "transformers", y)
                    else:
                        check(x == y, t, i, repr(x), "transformers", repr(y))
    print("lm_eval", lm_eval.__version__, "ok:", compared, "values, the largest difference", worst)


def flatten(x):
    if isinstance(x, (list, tuple)):
        return [z for y in x for z in flatten(y)]
    if isinstance(x, str) and x in ("True", "False"):
        return [x == "True"]
    try:
        return [float(x)] if not isinstance(x, bool) else [x]
    except ValueError:
        return [x]


{"openai": openai_client, "lm_eval": lm_eval_client}[what]()
