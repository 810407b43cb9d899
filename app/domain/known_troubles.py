"""The known ways in which a run fails: what each is told by, and the steps that help.

Sources: the training guide's troubleshooting trees, training_hub's five steps for broken kernels.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from app.domain.decimals import rounded
from app.domain.memory_knobs import Knob, next_knob
from app.domain.runs import Run, Target


@dataclass(frozen=True)
class Tree:
    """`pattern` is looked for in what the run said, or in a line of its log."""

    name: str
    pattern: re.Pattern[str]
    title: str
    steps: Callable[[Run], tuple[str, ...]]
    knob: Callable[[Run], Knob | None] = lambda run: None


def _always(*steps: str) -> Callable[[Run], tuple[str, ...]]:
    return lambda run: steps


def _by_target(local: tuple[str, ...], docker: tuple[str, ...]) -> Callable[[Run], tuple[str, ...]]:
    return lambda run: docker if run.target is Target.DOCKER else local


def _gentler(run: Run) -> Knob:
    """A tenth of the rate, with a warm-up."""
    rate = run.config.learning_rate / 10
    config = run.config.model_copy(
        update={"learning_rate": rate, "warmup_steps": run.config.warmup_steps or 10, "warmup_ratio": 0.0}
    )
    cost = "Smaller steps: it learns more slowly."
    return Knob(f"Retry with rate {rounded(rate)} and warm-up", cost, config, keeps_result=False)


def _alone(run: Run) -> Knob:
    config = run.config.model_copy(update={"backend": "native", "backend_args": {}})
    return Knob("Retry with the native trainer", "The same method by Tunewright's own loop.", config)


def _alone_if_foreign(run: Run) -> Knob | None:
    return _alone(run) if run.config.backend != "native" else None


_REBUILD: Final = "Build or pull the image again: its libraries are made for each other."
TREES: Final = (
    Tree(
        "killed",
        re.compile(r"killed from outside, or memory ran out"),
        "If nobody killed it, it did not fit into memory.",
        _always(
            "If you ended it yourself, resume it or start it again as it is.",
            "Else close other programs that use the same memory, and try again with the next change below.",
        ),
        lambda run: next_knob(run.config),
    ),
    Tree(
        "memory",
        re.compile(
            r"not enough memory for this run|memory ran out|out of memory"
            r"|OutOfMemoryError|CUBLAS_STATUS_ALLOC_FAILED|Cannot allocate memory|can't allocate memory",
            re.IGNORECASE,
        ),
        "It did not fit into memory.",
        _always(
            "Close other programs that use the same GPU or memory.",
            "Try again with the next change below; each keeps as much of the run as it can.",
            "If none is left, choose a smaller base model, or a larger GPU.",
        ),
        lambda run: next_knob(run.config),
    ),
    Tree(
        "disk",
        re.compile(
            r"disk is full|No space left on device|Disk quota exceeded|ENOSPC|full disk", re.IGNORECASE
        ),
        "The disk is full.",
        _always(
            "Delete old runs with their files in the run history.",
            "Keep fewer checkpoints, or save the weights only.",
            "Resume: it goes on from its last whole checkpoint.",
        ),
    ),
    Tree(
        "shared-memory",
        re.compile(
            r"insufficient shared memory|Bus error|\bshm\b.*(full|exceed)|unable to open shared memory"
        ),
        "The container's shared memory was too small.",
        _always(
            "Start the run from Tunewright rather than by hand: it gives a container enough.",
            "By hand, add --shm-size=8g to docker run.",
        ),
    ),
    Tree(
        "kernels",
        re.compile(
            r"does not fit the others|undefined symbol|unknown symbol|cannot import name .* from '?flash_attn"
            r"|GLIBCXX_|no kernel image is available|libcud\w*\.so"
        ),
        "A compiled library was built for another version.",
        _by_target(
            (
                "Clear the cache of pip or uv: pip cache purge, uv cache clean.",
                "Remove the GPU caches ~/.cache/torch and ~/.nv.",
                "Remove ~/.triton.",
                "Make a new virtual environment.",
                "Install tunewright[local] into it and start the run again.",
            ),
            (_REBUILD,),
        ),
    ),
    Tree(
        "driver",
        re.compile(
            r"driver version is insufficient|CUDA driver|NVIDIA-SMI has failed|CUDA unknown error|CUDA error:"
            r"|no CUDA-capable device|forward compatibility was attempted",
            re.IGNORECASE,
        ),
        "The GPU's driver did not do what was asked.",
        _always(
            "Run nvidia-smi: if it fails, restart the computer or install the driver again.",
            "If it works, update the driver: it may be older than the CUDA of the trainer.",
            "Resume, or start again.",
        ),
    ),
    Tree(
        "module",
        re.compile(r"ModuleNotFoundError|No module named|needs the package|is not installed"),
        "A Python package is missing.",
        _by_target(
            (
                "Install what trains on this computer: pip install 'tunewright[local]'.",
                "If another library was chosen as backend, install that one too, or choose native.",
                "Look with `tunewright doctor`, then start the run again.",
            ),
            (_REBUILD, "If another library was chosen as backend, choose native."),
        ),
        _alone_if_foreign,
    ),
    Tree(
        "login",
        re.compile(r"KeyError: '(HF_TOKEN|HUGGING_FACE_HUB_TOKEN)'|LocalTokenNotFoundError|hf auth login"),
        "It wanted to log in to Hugging Face and had no token.",
        _always(
            "Make a token on huggingface.co under Settings, Access Tokens.",
            "Give it to the app as HF_TOKEN, or in Settings.",
            "In Docker and at Runpod, also turn “Pass HF token” on.",
            "For a Hugging Face Job, give it with --secrets HF_TOKEN.",
        ),
    ),
    Tree(
        "access",
        re.compile(
            r"is gated|GatedRepoError|may not read|does not accept the token"
            r"|\b40[13] (Client|Forbidden|Unauth)|Error 40[13]\b|or it is private"
        ),
        "Hugging Face did not let it in.",
        _always(
            "Check the spelling of the model or dataset.",
            "If it is gated, accept its terms on its page, with the account of your token.",
            "Use a token that may read it; to push, one that may write.",
            "Start the run again.",
        ),
    ),
    Tree(
        "timeout",
        re.compile(
            r"could not be reached|timed out|TimeoutError|ReadTimeout|ConnectTimeout|Max retries exceeded"
            r"|Connection (refused|reset|aborted)|Job timeout",
            re.IGNORECASE,
        ),
        "Something on the network did not answer in time.",
        _always(
            "Check the connection, and a proxy if there is one.",
            "Try again: a download goes on where it ended.",
            "A rented job that hits its time limit needs a longer one (--timeout 3h).",
            "Without network, turn “Offline mode” on in Settings and use what is on this computer.",
        ),
    ),
    Tree(
        "diverged",
        re.compile(r"loss is no longer a number|loss (is|became) nan", re.IGNORECASE),
        "The steps were so large that the numbers ran away.",
        _always(
            "Try again with a tenth of the learning rate and some warm-up.",
            "If it happens at the first step, the base model's files may be damaged: download it again.",
            "In float16 only: choose bfloat16 or float32.",
        ),
        _gentler,
    ),
    Tree(
        "versions",
        re.compile(
            r"TypeError: .*(unexpected keyword|positional argument|got multiple values)|unexpected keyword"
        ),
        "Two libraries of different times do not understand each other.",
        _by_target(
            (
                "Install the versions that belong together: pip install --upgrade 'tunewright[local]'.",
                "A script of your own: max_seq_length is max_length now, tokenizer is processing_class.",
            ),
            (_REBUILD, "A script of your own: max_seq_length is max_length now."),
        ),
        _alone_if_foreign,
    ),
    Tree(
        "columns",
        re.compile(r"KeyError: '(messages|text|prompt|completion|conversations|instruction|output)'"),
        "A column that the rows should have is not there.",
        _always(
            "Import the data in the Data tab: it shows which column plays which part.",
            "Then train on that session.",
        ),
    ),
    Tree(
        "port",
        re.compile(r"Address already in use|EADDRINUSE|errno: 98"),
        "Another program uses the port where the processes meet.",
        _always(
            "Wait until the other run has ended, or give another rendezvous port.",
            "An ended run may have left a process: `tunewright doctor` looks.",
        ),
    ),
    Tree(
        "native-crash",
        re.compile(r"crashed inside a native library|Segmentation fault|core dumped|SIGSEGV"),
        "A library crashed without saying why.",
        _always(
            "Resume: a crash that does not come back needs nothing else.",
            "If it comes back, update the GPU's driver.",
            "Then try without gradient checkpointing, 4 bits or another backend, one at a time.",
        ),
    ),
)
