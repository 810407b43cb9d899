"""Whether a model goes on with text, told from its `config.json` alone. Imports the standard library only.

Only such a model, a decoder, can learn to answer: each token is predicted from those before it. An encoder
sees the whole row at once, the answer too; trained as if it were a decoder its loss falls and it learns
nothing. The libraries load one without a word.

Source: transformers 5.17, `MODEL_FOR_CAUSAL_LM_MAPPING_NAMES` and the classes it names.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from trainer_image.problems import RunFailedError, bad_config
from trainer_image.variants import short_name

_ENDINGS: Final = (
    "ForCausalLM", "LMHeadModel", "WithLMHead", "DoubleHeadsModel", "GenerationDecoder",
    "ForConditionalGeneration",
)  # fmt: skip
"""Of the names of classes that write text."""
_ENCODERS: Final = {
    "albert", "bert", "bert-generation", "big_bird", "camembert", "canine", "convbert", "data2vec-text",
    "deberta", "deberta-v2", "distilbert", "electra", "ernie", "eurobert", "funnel", "longformer",
    "megatron-bert", "mobilebert", "modernbert", "mpnet", "nomic_bert", "nystromformer", "reformer",
    "rembert", "roberta", "roberta-prelayernorm", "roc_bert", "roformer", "squeezebert", "xlm-roberta",
    "xlm-roberta-xl", "xmod",
}  # fmt: skip
"""Families that are encoders unless their config says `is_decoder`, whatever class it names."""
_ENCODER_DECODERS: Final = {
    "bart", "bigbird_pegasus", "blenderbot", "blenderbot-small", "encoder-decoder", "led", "longt5",
    "m2m_100", "marian", "mbart", "mt5", "mvp", "nllb-moe", "pegasus", "pegasus_x", "plbart", "prophetnet",
    "speech-encoder-decoder", "switch_transformers", "t5", "t5gemma", "udop", "umt5",
    "vision-encoder-decoder", "whisper",
}  # fmt: skip
"""Families that are both unless their config says otherwise."""
_CHOOSE: Final = (
    "Choose one that writes text, like those of Llama, Qwen, Gemma or Mistral; on the Hugging Face Hub they "
    "are found under Text Generation."
)


def require_decoder(name: str, config: Mapping[str, Any]) -> None:
    """Raise RunFailedError unless the model with this `config.json` goes on with text, or may be one."""
    if refusal := _refusal(name, config):
        raise refusal


def _refusal(name: str, config: Mapping[str, Any]) -> RunFailedError | None:
    classes = [str(each) for each in config.get("architectures") or []]
    kind = str(config.get("model_type") or "")
    is_named = f"{short_name(name)} ({classes[0] if classes else kind})"
    if config.get("is_encoder_decoder", kind in _ENCODER_DECODERS):
        why = "is an encoder-decoder, and only decoders can be trained here."
    elif _sees_everything(kind, config) or any("ForMaskedLM" in each for each in classes):
        why = "is an encoder: it reads texts and fills gaps in them, and cannot learn to answer."
    elif not classes or _writes(classes) or "AutoModelForCausalLM" in (config.get("auto_map") or {}):
        return None
    else:
        why = "is not a model that writes text, and cannot learn to answer."
    return bad_config(f"{is_named} {why}", _CHOOSE)


def _writes(classes: Sequence[str]) -> bool:
    return any(each.endswith(_ENDINGS) for each in classes)


def _sees_everything(kind: str, config: Mapping[str, Any]) -> bool:
    """Whether a token attends to those after it."""
    if kind in {"xlm", "flaubert"}:
        return not config.get("causal", False)
    if kind == "xlnet":
        return bool(config.get("attn_type", "bi") == "bi")
    return kind in _ENCODERS and not config.get("is_decoder", False)
