"""Generation inside the process: pieces of text, tokens that end an answer, being cancelled."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain.chat import Sampling
from app.worker.generation import TextPieces, generate
from app.worker.models import LoadedModel
from app.worker.protocol import Generate, Load, Token
from app.worker.residents import Residents
from tests.worker.conftest import TinyRuns
from tests.worker.tiny import make_tokenizer

pytestmark = pytest.mark.training

TOKENIZER = make_tokenizer()


@pytest.fixture(scope="module")
def loaded(tiny_runs: TinyRuns) -> LoadedModel:
    folder = str(tiny_runs.adapter.output_dir)
    request = Load(base_model=str(tiny_runs.base), words=folder, adapter=folder)
    return Residents().have(request, lambda _: None)


def request(prompt: str = "Hi", **how: object) -> Generate:
    sampling = Sampling(
        **{"temperature": 0.0, "max_new_tokens": 50, "repetition_penalty": 1.0, "guard_repetition": False}
        | how
    )
    return Generate(id=1, messages=[{"role": "user", "content": prompt}], sampling=sampling)


def pieces_of(text: str) -> list[str]:
    """The pieces that come out when the tokens of `text` come in one by one."""
    sent: list[str] = []
    pieces = TextPieces(TOKENIZER, sent.append)
    pieces.put(torch.tensor([[1, 2, 3]]))  # the prompt
    for token in TOKENIZER(text)["input_ids"]:
        pieces.put(torch.tensor([token]))
    pieces.end()
    pieces.finish()
    return sent


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=40))
@settings(max_examples=100, deadline=None)
def test_pieces_together_are_the_text_whatever_its_characters(text: str) -> None:
    assert "".join(pieces_of(text)) == text


def test_a_character_of_several_tokens_is_one_piece() -> None:
    assert pieces_of("a 🛶é") == ["a", " ", "🛶", "é"]


def test_special_tokens_are_not_shown() -> None:
    assert "".join(pieces_of("yes<|im_end|>")) == "yes"


def test_a_cut_off_character_at_the_end_is_shown_as_such() -> None:
    sent: list[str] = []
    pieces = TextPieces(TOKENIZER, sent.append)
    pieces.put(torch.tensor([[1]]))

    pieces.put(torch.tensor(TOKENIZER("é")["input_ids"][:1]))
    assert sent == []
    pieces.finish()

    assert sent == ["\ufffd"]


def test_an_answer_ends_at_the_template_s_end_of_turn_and_at_the_model_s_end_of_text(
    loaded: LoadedModel,
) -> None:
    names = {loaded.tokenizer.convert_ids_to_tokens(token) for token in loaded.end_tokens}

    assert names == {"<|im_end|>", "<|endoftext|>"}


def test_the_end_of_turn_token_ends_the_answer(loaded: LoadedModel) -> None:
    end = loaded.tokenizer.convert_tokens_to_ids("<|im_end|>")
    embedding = loaded.model.get_output_embeddings()
    seen = 0

    def end_at_the_fifth_token(_module: object, _input: object, logits: torch.Tensor) -> torch.Tensor:
        nonlocal seen
        seen += 1
        if seen == 5:
            logits[..., end] = 1e4
        return logits

    hook = embedding.register_forward_hook(end_at_the_fifth_token)

    done = generate(loaded, request(), lambda _: None, cancelled=lambda: False)

    hook.remove()
    assert (done.tokens, done.finish_reason) == (5, "stop")


def test_the_limit_ends_the_answer_and_says_so(loaded: LoadedModel) -> None:
    done = generate(loaded, request(max_new_tokens=7), lambda _: None, cancelled=lambda: False)

    assert (done.tokens, done.finish_reason) == (7, "length")


def test_an_answer_stops_where_the_context_is_full(loaded: LoadedModel) -> None:
    prompt = "a" * 8100

    done = generate(loaded, request(prompt, max_new_tokens=500), lambda _: None, cancelled=lambda: False)

    assert done.prompt_tokens + done.tokens == 8192


def test_a_cancelled_answer_ends_even_before_its_first_token(loaded: LoadedModel) -> None:
    asked = 0

    def at_the_second_layer() -> bool:
        nonlocal asked
        asked += 1
        return asked > 2

    sent: list[Token] = []

    done = generate(loaded, request("a" * 1000), sent.append, cancelled=at_the_second_layer)

    assert (done.tokens, done.finish_reason, sent) == (0, "cancelled", [])
    assert asked == 3


def test_a_cancel_leaves_the_model_as_it_was(loaded: LoadedModel) -> None:
    def answer() -> list[Token]:
        sent: list[Token] = []
        generate(loaded, request(), sent.append, cancelled=lambda: False)
        return sent

    before = answer()
    generate(loaded, request(), lambda _: None, cancelled=lambda: True)

    assert answer() == before
    loaded.model(input_ids=torch.tensor([[1, 2, 3]]))  # outside an answer nothing is cancelled


def test_a_stop_text_ends_the_answer_and_is_no_part_of_it(loaded: LoadedModel) -> None:
    whole: list[Token] = []
    generate(loaded, request(), whole.append, cancelled=lambda: False)
    text = "".join(token.text for token in whole)
    stop = text[10:13]
    sent: list[Token] = []

    done = generate(loaded, request(stop=(stop,)), sent.append, cancelled=lambda: False)

    assert "".join(token.text for token in sent) == text[: text.find(stop)]
    assert done.finish_reason == "stop_string"


@pytest.mark.parametrize(
    ("stop", "heard"), [((), "a 🛶é|END| b"), (("|END|",), "a 🛶é"), (("🛶é",), "a "), (("é|E",), "a 🛶")]
)
def test_what_is_split_over_several_tokens_comes_out_whole_and_ends_an_answer(
    loaded: LoadedModel, stop: tuple[str, ...], heard: str
) -> None:
    ids = [*TOKENIZER("a 🛶é|END| b")["input_ids"], loaded.tokenizer.convert_tokens_to_ids("<|im_end|>")]
    said = iter(ids)

    def say(_module: object, _input: object, logits: torch.Tensor) -> torch.Tensor:
        logits[..., next(said)] = 1e4
        return logits

    hook = loaded.model.get_output_embeddings().register_forward_hook(say)
    sent: list[str] = []
    try:
        done = generate(
            loaded, request(stop=stop), lambda token: sent.append(token.text), cancelled=lambda: False
        )
    finally:
        hook.remove()

    assert len(ids) > len("a 🛶é|END| b") + 1
    assert "".join(sent) == heard
    assert done.finish_reason == ("stop_string" if stop else "stop")
    assert all("\ufffd" not in piece for piece in sent)


def test_an_answer_that_goes_round_in_circles_is_ended(loaded: LoadedModel) -> None:
    """A bias makes the model say one token for ever."""
    head = loaded.model.get_base_model().lm_head
    bias = torch.zeros(head.out_features)
    bias[100] = 1e4
    hook = head.register_forward_hook(lambda _module, _given, made: made + bias)
    try:
        done = generate(
            loaded,
            request(max_new_tokens=500, guard_repetition=True),
            lambda _: None,
            cancelled=lambda: False,
        )
        unguarded = generate(loaded, request(max_new_tokens=200), lambda _: None, cancelled=lambda: False)
    finally:
        hook.remove()

    assert (done.finish_reason, done.tokens) == ("repetition", 64)
    assert (unguarded.finish_reason, unguarded.tokens) == ("length", 200)


@pytest.mark.parametrize("how", [{"top_k": 1}, {"top_p": 1e-6}, {"min_p": 1.0}])
def test_each_way_to_narrow_the_choice_reaches_the_model(loaded: LoadedModel, how) -> None:
    def text(**settings: object) -> str:
        sent: list[Token] = []
        generate(loaded, request(seed=3, **settings), sent.append, cancelled=lambda: False)
        return "".join(token.text for token in sent)

    assert text(temperature=1.2, **how) == text() != text(temperature=1.2)
