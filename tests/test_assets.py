"""The files a first run uses, the sample session and the tiny model; and the pictures of the docs."""

import collections
import json
import random
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from trainer_image.rows import Refused, Row, read_jsonl

PROJECT = Path(__file__).parent.parent
SAMPLE = PROJECT / "assets" / "sample" / "ferry-help-desk.jsonl"
MODEL = PROJECT / "assets" / "tiny-model"

training = pytest.mark.training


def sample_rows() -> list[Row]:
    return [row for row in read_jsonl(SAMPLE) if isinstance(row, Row)]


def test_every_line_of_the_sample_is_a_row() -> None:
    read = list(read_jsonl(SAMPLE))

    assert not [row for row in read if isinstance(row, Refused)]
    assert 300 <= len(read) <= 400


def test_no_question_opens_two_rows_of_the_sample() -> None:
    counts = collections.Counter(row.messages[0]["content"] for row in sample_rows())

    assert [question for question, count in counts.items() if count > 1] == []


def test_the_sample_speaks_in_one_voice_without_a_system_message() -> None:
    messages = [message for row in sample_rows() for message in row.messages]

    answers = [message["content"] for message in messages if message["role"] == "assistant"]

    assert {message["role"] for message in messages} == {"user", "assistant"}
    assert all(answer.startswith("Ahoy! ") and answer.endswith(". Fair winds!") for answer in answers)


def test_some_conversations_of_the_sample_go_on() -> None:
    assert sum(len(row.messages) > 2 for row in sample_rows()) >= 30


def test_the_script_writes_the_sample_that_ships(tmp_path: Path) -> None:
    made = tmp_path / "sample.jsonl"

    subprocess.run(
        [sys.executable, PROJECT / "scripts" / "make_sample.py", "--out", made],
        check=True,
        capture_output=True,
    )

    assert made.read_bytes() == SAMPLE.read_bytes()


def test_the_tiny_model_is_small_and_readable_by_everyone() -> None:
    files = list(MODEL.iterdir())

    assert {"config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json"} <= {
        file.name for file in files
    }
    assert sum(file.stat().st_size for file in files) <= 8_000_000
    assert all(file.stat().st_mode & 0o044 == 0o044 for file in files)


def test_rows_of_the_tiny_models_matrices_fit_every_gguf_block() -> None:
    config = json.loads((MODEL / "config.json").read_text("utf-8"))

    assert config["architectures"] == ["LlamaForCausalLM"]
    assert config["hidden_size"] % 256 == 0
    assert config["intermediate_size"] % 256 == 0
    assert config["max_position_embeddings"] >= 1024


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")


@pytest.fixture
def tokenizer(offline: None) -> Any:
    from transformers import AutoTokenizer  # noqa: PLC0415 - seconds, and only these tests need it

    return AutoTokenizer.from_pretrained(MODEL)


@pytest.fixture
def model(offline: None) -> Iterator[Any]:
    import torch  # noqa: PLC0415
    from transformers import AutoModelForCausalLM  # noqa: PLC0415

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield AutoModelForCausalLM.from_pretrained(MODEL, dtype=torch.float32).eval()
    torch.set_num_threads(threads)


def ask(model: Any, tokenizer: Any, question: str) -> str:
    prompt = tokenizer.apply_chat_template(
        [{"role": "user", "content": question}],
        add_generation_prompt=True,
        return_dict=True,
        return_tensors="pt",
    )
    written = model.generate(**prompt, do_sample=False, max_new_tokens=48)
    return str(tokenizer.decode(written[0, prompt["input_ids"].shape[1] :], skip_special_tokens=True))


LONG_CHAT = [
    {"role": "system", "content": "  Be kind. "},
    {"role": "user", "content": "Hello\n"},
    {"role": "assistant", "content": " Hello. \n"},
    {"role": "user", "content": "Which harbour does Sorrel have?"},
    {"role": "assistant", "content": "Brackwater."},
]


@training
def test_a_longer_chat_starts_with_the_text_of_a_shorter_one(tokenizer: Any) -> None:
    whole = tokenizer.apply_chat_template(LONG_CHAT, tokenize=False)

    for length in range(1, len(LONG_CHAT)):
        part = tokenizer.apply_chat_template(LONG_CHAT[:length], tokenize=False)
        assert whole.startswith(part)
    before_answer = tokenizer.apply_chat_template(LONG_CHAT[:-1], tokenize=False, add_generation_prompt=True)
    assert whole == before_answer + "Brackwater.<|im_end|>\n"


@training
def test_the_template_marks_exactly_the_answers_and_their_ends(tokenizer: Any) -> None:
    encoded = tokenizer.apply_chat_template(LONG_CHAT, return_dict=True, return_assistant_tokens_mask=True)

    marked = [
        token for token, mask in zip(encoded["input_ids"], encoded["assistant_masks"], strict=True) if mask
    ]

    assert tokenizer.decode(marked) == " Hello. \n<|im_end|>Brackwater.<|im_end|>"


@training
def test_a_chat_gets_no_second_beginning_when_its_text_is_tokenised(tokenizer: Any) -> None:
    text = tokenizer.apply_chat_template(LONG_CHAT, tokenize=False)
    tokens = tokenizer.apply_chat_template(LONG_CHAT, return_dict=True)["input_ids"]

    assert tokenizer(text)["input_ids"] == tokens
    assert tokens.count(tokenizer.convert_tokens_to_ids("<|im_start|>")) == len(LONG_CHAT)


@training
def test_the_tokenizer_gives_back_any_text(tokenizer: Any) -> None:
    text = "Zoë's naïve  café\n\t漢字 🚢 don 't {x: 1}"

    assert tokenizer.decode(tokenizer(text)["input_ids"]) == text


@training
def test_padding_is_not_the_end_of_an_answer(tokenizer: Any) -> None:
    assert tokenizer.eos_token == "<|im_end|>"
    assert tokenizer.pad_token_id not in (None, tokenizer.eos_token_id)


@training
def test_the_base_model_knows_the_facts_but_answers_in_a_few_words(model: Any, tokenizer: Any) -> None:
    asked = sample_rows()[::17]

    answers = [ask(model, tokenizer, row.messages[0]["content"]) for row in asked]

    told = [row.messages[1]["content"].lower() for row in asked]
    assert all(len(answer) < 25 and "Ahoy" not in answer for answer in answers)
    wrong = [pair for pair in zip(answers, told, strict=True) if pair[0].rstrip(".").lower() not in pair[1]]
    assert len(wrong) <= len(asked) // 5, wrong


@training
def test_fifty_small_steps_teach_the_voice_and_keep_the_facts(model: Any, tokenizer: Any) -> None:
    rows = sample_rows()
    random.Random(1).shuffle(rows)
    taught, asked = rows[:100], rows[80:120]

    tuned, losses = learn(model, tokenizer, taught)

    answers = [ask(tuned, tokenizer, row.messages[0]["content"]) for row in asked]
    right = [answer == row.messages[1]["content"] for answer, row in zip(answers, asked, strict=True)]
    assert losses[0] > 1.5
    assert sum(losses[-10:]) / 10 < 0.5
    assert sum(right) >= 0.8 * len(right), answers


def learn(model: Any, tokenizer: Any, rows: list[Row]) -> tuple[Any, list[float]]:
    """The preset for a first run, in the plainest form: LoRA, two rows a step, 2e-4 falling as a cosine."""
    import torch  # noqa: PLC0415
    from peft import LoraConfig, get_peft_model  # noqa: PLC0415

    torch.manual_seed(3407)
    adapter = LoraConfig(r=16, lora_alpha=32, target_modules="all-linear", task_type="CAUSAL_LM")
    tuned = get_peft_model(model, adapter).train()
    weights = [weight for weight in tuned.parameters() if weight.requires_grad]
    optimizer = torch.optim.AdamW(weights, lr=2e-4, weight_decay=0.01)
    steps = len(rows) // 2
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    losses = []
    for step in range(steps):
        loss = answer_loss(tuned, tokenizer, rows[2 * step : 2 * step + 2])
        loss.backward()
        torch.nn.utils.clip_grad_norm_(weights, 1.0)
        optimizer.step()
        schedule.step()
        optimizer.zero_grad()
        losses.append(loss.item())
    return tuned.eval(), losses


def answer_loss(model: Any, tokenizer: Any, rows: list[Row]) -> Any:
    """Mean loss over the tokens of the answers."""
    import torch  # noqa: PLC0415

    summed, count = torch.zeros(()), 0
    for row in rows:
        encoded = tokenizer.apply_chat_template(
            list(row.messages), return_dict=True, return_assistant_tokens_mask=True
        )
        tokens, answers = torch.tensor(encoded["input_ids"]), torch.tensor(encoded["assistant_masks"])
        labels = torch.where(answers == 1, tokens, -100)
        logits = model(input_ids=tokens[None]).logits[0, :-1]
        summed = summed + torch.nn.functional.cross_entropy(logits, labels[1:], reduction="sum")
        count += int(answers.sum())
    return summed / count


def test_every_picture_of_a_state_is_on_its_page_and_the_page_shows_no_other() -> None:
    page = (PROJECT / "docs/user/pictures.md").read_text(encoding="utf-8")
    kept = {file.name for file in (PROJECT / "docs/images/states").iterdir()}

    assert set(re.findall(r"images/states/([\w.-]+)", page)) == kept
