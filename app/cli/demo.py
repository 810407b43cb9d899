"""The main job in the terminal: the sample, the tiny model, a run, and a chat. No window, no network."""

import argparse
import sys
from pathlib import Path
from shutil import which

from app.cli.following import follow
from app.cli.output import Output
from app.cli.window_words import PROG
from app.domain.chat import PRESETS as SAMPLING
from app.domain.presets import QUICK_LOCAL_TEST, preset_values
from app.domain.runs import DockerOptions, Run, RunRequest, Target
from app.domain.setups import BUNDLED_MODEL
from app.services.everything import Services
from trainer_image.config import Lora, RunConfig

CPU_IMAGE = "tunewright-trainer:cpu"
_QUESTIONS = 3


def demo(services: Services, args: argparse.Namespace, output: Output) -> int:
    """Train on the sample with the Quick local test preset, then ask base and tuned the same questions."""
    session = services.library.sample()
    output.say(f"1. Data: {session.name}, {session.row_count} rows.")
    config = RunConfig(base_model=BUNDLED_MODEL, **preset_values(QUICK_LOCAL_TEST, Lora().kind))
    request = RunRequest(
        config,
        Target(args.target),
        session_id=session.id,
        docker=DockerOptions(image=CPU_IMAGE, use_gpu=False),
    )
    output.say(f"2. Training the bundled tiny model ({QUICK_LOCAL_TEST}: {config.max_steps} steps).")
    run = services.training.start(request)
    code = follow(services, run, output)
    if code != 0:
        return code
    output.say("3. The same questions to the base model and to yours:")
    try:
        for question in services.chats.sample_prompts(run.id, _QUESTIONS):
            _ask_both(services, run, question, output)
    finally:
        services.chats.unload()
    output.say(f"\nGo on talking:  {_program()} chat {run.id} --prompt 'your question'")
    output.say(f"Or in the app:  {_program()}")
    return 0


def _program() -> str:
    """What to type: `make demo` starts the program by its place in `.venv`, which no shell looks in."""
    started = Path(sys.argv[0])
    return str(started) if started.stem == PROG and which(PROG) is None else PROG


def _ask_both(services: Services, run: Run, question: str, output: Output) -> None:
    greedy = SAMPLING["Deterministic"]
    base = "".join(services.chats.ask(run.id, question, greedy, "base"))
    tuned = "".join(services.chats.ask(run.id, question, greedy, "tuned"))
    output.give({"type": "chat", "prompt": question, "base": base, "tuned": tuned})
    output.say(f"\n   You:   {question}\n   Base:  {base}\n   Yours: {tuned}")
