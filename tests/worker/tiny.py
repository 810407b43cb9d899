"""Builds models small enough to make in a second: random weights, so they babble, each in its own way."""

# ruff: noqa: PLC0415 — torch and its friends take seconds: only the tests that need them pay

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

CHATML = (
    "{%- for message in messages %}"
    "{{- '<|im_start|>' + message['role'] + '\\n' }}"
    "{%- if message['role'] == 'assistant' %}{% generation %}{{- message['content'] + '<|im_end|>' }}"
    "{%- endgeneration %}{% else %}{{- message['content'] + '<|im_end|>' }}{% endif %}{{- '\\n' }}"
    "{%- endfor %}"
    "{%- if add_generation_prompt %}{{- '<|im_start|>assistant\\n' }}{% endif %}"
)
CONTEXT = 8192


def make_tokenizer(template: str = CHATML) -> "PreTrainedTokenizerFast":
    """One token a byte: every character that is not ASCII is several tokens."""
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = Tokenizer(models.BPE({letter: at for at, letter in enumerate(letters)}, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(
        [
            AddedToken(token, special=True)
            for token in ("<|pad|>", "<|endoftext|>", "<|im_start|>", "<|im_end|>")
        ]
    )
    # The token that ends a text is not the one that ends a turn, as with many real models.
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="<|pad|>", eos_token="<|endoftext|>", chat_template=template
    )


def make_base(folder: Path, *, seed: int) -> None:
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    tokenizer = make_tokenizer()
    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=CONTEXT,
        initializer_range=0.2,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    model = LlamaForCausalLM(config)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def make_adapter(base: Path, folder: Path, *, seed: int, strength: float = 0.5) -> None:
    """An adapter whose second matrix is not zero, so that it changes every answer; zero at strength 0."""
    make_adapter_on(base, folder, seed=seed, strength=strength)
    make_tokenizer().save_pretrained(folder)


def make_adapter_on(base: Path, folder: Path, *, seed: int, strength: float = 0.5) -> None:
    """The same without a tokenizer of its own: that of the base model is used."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import LlamaForCausalLM

    torch.manual_seed(seed)
    model = get_peft_model(
        LlamaForCausalLM.from_pretrained(base), LoraConfig(r=4, target_modules="all-linear")
    )
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if "lora_B" in name:
                weight.normal_(std=strength) if strength else weight.zero_()
    model.save_pretrained(folder)


def make_adapter_with_tokens(base: Path, folder: Path, *, seed: int) -> None:
    """Trained with tokens that its base model lacks: their rows lie in the adapter."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import LlamaForCausalLM

    words = make_tokenizer()
    words.add_tokens(["<ferry>", "<inn>"])
    torch.manual_seed(seed)
    model = LlamaForCausalLM.from_pretrained(base)
    model.resize_token_embeddings(len(words), mean_resizing=False)
    model = get_peft_model(model, LoraConfig(r=4, target_modules="all-linear"))
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if "lora_B" in name:
                weight.normal_(std=0.5)
    model.save_pretrained(folder, save_embedding_layers=True)
    words.save_pretrained(folder)
