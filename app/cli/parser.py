"""The command line's words. `docs/cli.md` explains them to people; a test keeps the two together."""

import argparse
from typing import TYPE_CHECKING

from app.cli.collecting_words import collecting
from app.cli.export_words import add_export_words
from app.cli.history_words import add_history_words
from app.cli.mapping_words import add_mapping
from app.cli.pod_storage_words import add_pod_storage_verbs
from app.cli.pod_words import add_pod_options, add_pod_verbs
from app.cli.queue_words import add_queue_words
from app.cli.recipe_words import add_recipe_words
from app.cli.session_words import add_session_words
from app.cli.setup_words import add_setup_words
from app.cli.talking_words import add_talking_words
from app.cli.window_words import PROG, add_window_words, whole_number
from app.domain.presets import NAMED as NAMED_PRESETS
from app.domain.reading import PASSAGE_CHARACTERS, SHORTEST_PASSAGE
from app.domain.targets import LAUNCHED, TRAINER_IMAGE, Target
from app.domain.tokens import TokenPlace

if TYPE_CHECKING:  # `--help` must not wait for what it imports
    from app.domain.runs import Length


def make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=PROG,
        description="Fine-tune language models on your own computer. Without a verb, the window opens.",
    )
    add_window_words(parser)
    verbs = parser.add_subparsers(dest="verb", metavar="VERB")
    _sessions(verbs)
    _merge(verbs)
    setups = verbs.add_parser("setups", help="saved setups: everything that describes a run")
    add_setup_words(setups.add_subparsers(dest="noun", metavar="VERB", required=True), _leaf)
    ready_made = verbs.add_parser("recipes", help="setups that came with the app, each with its provenance")
    add_recipe_words(ready_made.add_subparsers(dest="noun", metavar="VERB", required=True), _leaf)
    _train(verbs)
    _jobs(verbs)
    _runs(verbs)
    add_queue_words(verbs, _leaf)
    add_export_words(verbs, _leaf)
    add_talking_words(verbs, _leaf, _seed)
    losses = _leaf(verbs, "losses", "print the loss curve another trainer left in a folder")
    losses.add_argument("path", help="its output folder, or one of its log files")
    doctor = _leaf(verbs, "doctor", "look at this computer and say what works")
    doctor.add_argument("--offline", action="store_true", help="train in small with the network cut instead")
    doctor.add_argument("--config", metavar="FILE", help="with --offline: the setup that is meant")
    _docker(verbs)
    _bundle(verbs)
    _tokens(verbs)
    _runpod(verbs)
    offline = _leaf(verbs, "offline", "say whether the network is used, or switch offline mode")
    offline.add_argument("to", nargs="?", choices=["on", "off"], help="the switch; else nothing is changed")
    demo = _leaf(
        verbs, "demo", "train the bundled tiny model on the sample and chat with it, in the terminal"
    )
    here = [t.value for t in Target if not t.needs_network]
    demo.add_argument("--target", choices=here, default=Target.LOCAL.value)
    return parser


def _sessions(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    group = verbs.add_parser("sessions", help="collected datasets")
    nouns = group.add_subparsers(dest="noun", metavar="VERB", required=True)
    take = _leaf(nouns, "import", "read a file or a folder, or a Hugging Face dataset with --hub")
    take.add_argument("source", help="a file or a folder, or with --hub a dataset repository")
    take.add_argument("--name", default="", help="name of the new session")
    take.add_argument("--hub", action="store_true", help="SOURCE is a Hugging Face dataset")
    take.add_argument("--split", default="train", help="with --hub: which split (train)")
    take.add_argument("--subset", help="with --hub: which configuration of the dataset")
    listed = _leaf(nouns, "list", "all sessions")
    listed.add_argument("--search", default="", metavar="TEXT", help="part of the name, source or a tag")
    listed.add_argument("--tag", default="", help="only those with this tag")
    listed.add_argument("--deleted", action="store_true", help="those that `undelete` can bring back")
    collecting(_leaf(nouns, "collect", "collect rows from the web into a session, or go on with --resume"))
    _leaf(nouns, "collects", "what was collected from the web, and how it ended")
    add_mapping(take)
    take.add_argument(
        "--passage",
        type=_passage,
        default=PASSAGE_CHARACTERS,
        metavar="N",
        help=f"of documents: most characters in a passage ({PASSAGE_CHARACTERS})",
    )
    take.add_argument("--preview", action="store_true", help="show the first rows and import nothing")
    show = _leaf(nouns, "show", "a session and its rows")
    show.add_argument("session", help="name, id, or the start of an id")
    show.add_argument("--start", type=_count, default=0, help="how many rows to leave out first")
    show.add_argument("--limit", type=_count, default=5, help="how many rows (5)")
    show.add_argument("--version", dest="number", type=_count, help="an older version's rows")
    export = _leaf(nouns, "export", "write a session as JSONL of chat messages, Parquet or CSV")
    export.add_argument("session", help="name, id, or the start of an id")
    export.add_argument("file", help="where to write")
    export.add_argument("--format", choices=["jsonl", "parquet", "csv"], help="else by the file's ending")
    export.add_argument("--force", action="store_true", help="replace a file that is there")
    export.add_argument("--version", dest="number", type=_count, help="an older version's rows")
    add_session_words(nouns, _leaf, _count)
    look = _leaf(nouns, "look", "one row of a session as a base model will see it, token by token")
    _seen_by(look)
    look.add_argument("--row", type=_count, default=1, help="which row, from 1 (1)")
    checked = _leaf(
        nouns, "quality", "repeats, empty answers, odd characters, languages and leaks in a session"
    )
    _seen_by(checked, is_model_needed=False)
    _seen_by(_leaf(nouns, "lengths", "what becomes of a session's rows, how long they are, what is wrong"))


def _seen_by(leaf: argparse.ArgumentParser, *, is_model_needed: bool = True) -> None:
    leaf.add_argument("session", help="name, id, or the start of an id")
    model = "Hub name or folder; tunewright/tiny is the bundled one"
    leaf.add_argument("--model", required=is_model_needed, metavar="M", help=model)
    leaf.add_argument("--config", metavar="FILE", help="a setup, whose other settings count")
    leaf.add_argument("--max-seq-len", type=_count, metavar="N", help="longest row in tokens")
    leaf.set_defaults(row=None)


def _merge(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    group = verbs.add_parser("merge", help="several datasets made one")
    nouns = group.add_subparsers(dest="noun", metavar="VERB", required=True)
    for name, text in (
        ("run", "merge into a new session, or into a file with --to"),
        ("preview", "show what would come out, and write nothing"),
    ):
        leaf = _leaf(nouns, name, text)
        leaf.add_argument("recipe", nargs="?", help="a recipe, .toml or .json, or a saved merge")
        leaf.add_argument(
            "--sources",
            nargs="+",
            metavar="SOURCE",
            help="instead: sessions, files and folders of files, in this order",
        )
        leaf.add_argument("--name", default="", help="name of the result")
        if name == "run":
            leaf.add_argument("--to", metavar="FILE", help="write this .jsonl or .parquet file instead")
            leaf.add_argument("--force", action="store_true", help="with --to: replace a file that is there")
            leaf.add_argument("--to-hub", metavar="REPO", help="also publish the session, private")
            leaf.add_argument("--public", action="store_true", help="with --to-hub: for everybody to see")
        else:
            leaf.add_argument("--limit", type=_count, default=3, help="how many rows to show (3)")
    _leaf(nouns, "list", "saved merges, newest first")
    for name, text in (
        ("show", "a saved merge: its ledger, and what has changed since"),
        ("delete", "forget a saved merge; what it made stays"),
    ):
        _leaf(nouns, name, text).add_argument("merge", help="name, id, or the start of an id")


def _train(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    check = _leaf(verbs, "check", "what a run would take, and what speaks against it; starts nothing")
    check.add_argument("setup", metavar="SETUP", help="a saved setup, or a file, .toml or .json")
    _over_the_setup(check)
    probe = _leaf(verbs, "probe", "measure a run's memory and the time of a step here; trains nothing")
    _which_setup(probe)
    train = _leaf(verbs, "train", "start a run from a setup")
    _which_setup(train)
    train.add_argument(
        "--auto",
        action="store_true",
        help="work out what fits this GPU, model and data, say why, and train with that",
    )
    train.add_argument("--preview", action="store_true", help="with --auto: say it, and start nothing")
    train.add_argument("--follow", action="store_true", help="watch it; exit with its outcome")
    train.add_argument("--yes", action="store_true", help="agree to what a rented GPU costs, unasked")


def _which_setup(leaf: argparse.ArgumentParser) -> None:
    what = leaf.add_mutually_exclusive_group(required=True)
    what.add_argument("--config", metavar="FILE", help="a setup, .toml or .json")
    what.add_argument("--setup", metavar="NAME", help="a saved setup")
    what.add_argument("--recipe", metavar="NAME", help="a recipe that came with the app")
    _over_the_setup(leaf)


def _over_the_setup(leaf: argparse.ArgumentParser) -> None:
    leaf.add_argument("--target", choices=[t.value for t in LAUNCHED], help="where to run; else the setup's")
    leaf.add_argument(
        "--preset", choices=list(NAMED_PRESETS), help="these values go over those of the setup's config"
    )
    leaf.add_argument(
        "--set", action="append", metavar="NAME=VALUE", default=[],
        help="this setting goes over the setup's, like learning_rate=1e-5 or method.lora_r=32; repeatable",
    )  # fmt: skip
    add_pod_options(leaf)


def _jobs(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    group = verbs.add_parser("jobs", help="runs as Hugging Face Jobs")
    nouns = group.add_subparsers(dest="noun", metavar="VERB", required=True)
    script = _leaf(nouns, "script", "write a run as one script for Hugging Face Jobs, and start nothing")
    script.add_argument("--config", required=True, metavar="FILE", help="a setup, .toml or .json")
    script.add_argument("--to", required=True, metavar="FILE", help="where to write the script")
    script.add_argument("--flavor", required=True, help="which machine, like a10g-large")
    script.add_argument(
        "--timeout", required=True, metavar="TIME", help="when it is ended at the latest, like 6h"
    )
    script.add_argument("--price", type=float, metavar="DOLLARS", help="what the flavor costs an hour today")
    script.add_argument("--force", action="store_true", help="replace a file that is there")
    check = _leaf(nouns, "check", "look over an `hf jobs` command before it costs anything")
    check.add_argument("command", metavar="COMMAND", help="the command as one argument, or - to read it")


def _runs(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    group = verbs.add_parser("runs", help="training runs")
    nouns = group.add_subparsers(dest="noun", metavar="VERB", required=True)
    _leaf(nouns, "list", "all runs, newest first")
    _run(_leaf(nouns, "show", "one run: its state, result and timeline"))
    stop = _run(_leaf(nouns, "stop", "stop a run; what it learned since its last checkpoint is lost"))
    stop.add_argument("--save", action="store_true", help="save a checkpoint and the model first")
    _run(_leaf(nouns, "checkpoint", "save a checkpoint now, without stopping"))
    _run(_leaf(nouns, "sample", "let the model answer questions of its data now, without stopping"))
    _run(_leaf(nouns, "finish", "end it after the step at hand; its result is the model measured best"))
    add_history_words(nouns, _leaf)
    resume = _run(_leaf(nouns, "resume", "go on from the last checkpoint"))
    resume.add_argument("--checkpoint", default="", metavar="NAME", help="go on from this one instead")
    resume.add_argument("--follow", action="store_true", help="watch it; exit with its outcome")
    resume.add_argument("--target", choices=[t.value for t in LAUNCHED], help="from now on there")
    resume.add_argument("--yes", action="store_true", help="agree to what a rented GPU costs, unasked")
    add_pod_options(resume)
    resume.add_argument(
        "--extend",
        type=_length,
        metavar="LENGTH",
        help="make it longer, also a finished one: num_epochs=N or max_steps=N, counted from its beginning",
    )
    log = _run(_leaf(nouns, "log", "what the run printed"))
    log.add_argument("--follow", action="store_true", help="keep printing until the run ends")
    metrics = _run(_leaf(nouns, "metrics", "loss and speed, step by step"))
    metrics.add_argument("--after", type=_count, default=-1, metavar="STEP", help="only later steps")
    curve = _run(_leaf(nouns, "curve", "write its numbers, step by step, as a CSV file"))
    curve.add_argument("file", help="where to write")
    curve.add_argument("--force", action="store_true", help="replace a file that is there")
    why = _run(_leaf(nouns, "diagnose", "why it failed, what to do, and what to show to somebody who helps"))
    why.add_argument("--zip", action="store_true", help="write it as a file into the folder for exports")


def _docker(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    group = verbs.add_parser("docker", help="the trainer image, the GPU, and what runs left in Docker")
    nouns = group.add_subparsers(dest="noun", metavar="VERB", required=True)
    for name, text in (
        ("status", "the engine, the image and its size, and what is left over"),
        ("build", "build the trainer image of this version"),
        ("pull", "fetch an image from a registry"),
        ("test", "see whether a container gets the GPU, and what to do if not"),
        ("abilities", "ask the image what it can train here, and why not the rest"),
    ):
        leaf = _leaf(nouns, name, text)
        leaf.add_argument("--image", default=TRAINER_IMAGE, help=f"the image ({TRAINER_IMAGE})")
    clean = _leaf(nouns, "clean", "remove containers that ended runs have left")
    clean.add_argument("--yes", action="store_true", help="do not ask first")


def _bundle(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    group = verbs.add_parser("bundle", help="one file with what a computer without network needs")
    nouns = group.add_subparsers(dest="noun", metavar="VERB", required=True)
    make = _leaf(nouns, "make", "collect packages, models, datasets and the image into one file")
    make.add_argument("file", help="where to write")
    make.add_argument("--model", action="append", default=[], help="Hub name or folder; may be repeated")
    make.add_argument("--dataset", action="append", default=[], help="a session; may be repeated")
    make.add_argument("--image", nargs="?", const=TRAINER_IMAGE, help=f"a Docker image ({TRAINER_IMAGE})")
    make.add_argument("--wheels", nargs="?", const="tunewright[local]", help="packages (tunewright[local])")
    make.add_argument("--window", action="store_true", help="the desktop window's client, for this system")
    make.add_argument("--force", action="store_true", help="replace a file that is there")
    for name, text in (
        ("show", "what is in a bundle"),
        ("install", "check every part of a bundle, then install it; needs no network"),
    ):
        _leaf(nouns, name, text).add_argument("file", help="a bundle")


def _runpod(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    group = verbs.add_parser("runpod", help="rented GPUs at Runpod")
    nouns = group.add_subparsers(dest="noun", metavar="VERB", required=True)
    add_pod_verbs(nouns, _leaf)
    add_pod_storage_verbs(nouns, _leaf)


def _tokens(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    group = verbs.add_parser("tokens", help="tokens for Hugging Face and Runpod, in this computer's keyring")
    nouns = group.add_subparsers(dest="noun", metavar="VERB", required=True)
    _leaf(nouns, "list", "where each token comes from, never the token")
    for name, text in (
        ("keep", "keep a token: typed unseen, or read from standard input"),
        ("delete", "remove a token from the keyring"),
        ("test", "ask the place whose token it is"),
    ):
        _leaf(nouns, name, text).add_argument("place", choices=[place.value for place in TokenPlace])


def _leaf(
    verbs: "argparse._SubParsersAction[argparse.ArgumentParser]", name: str, text: str
) -> argparse.ArgumentParser:
    leaf = verbs.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".")
    leaf.add_argument("--json", action="store_true", help="print JSON")
    return leaf


def _run(parser: argparse.ArgumentParser) -> argparse.ArgumentParser:
    parser.add_argument("run", metavar="RUN", help="name, id, or the start of an id")
    return parser


def _length(text: str) -> "Length":
    name, _, number = text.partition("=")
    if name not in ("num_epochs", "max_steps") or not number.isdecimal():
        raise argparse.ArgumentTypeError("a length is num_epochs=N or max_steps=N, N being a whole number")
    return ("num_epochs" if name == "num_epochs" else "max_steps"), int(number)


def _passage(text: str) -> int:
    return whole_number(text, "a passage's length", least=SHORTEST_PASSAGE, most=1_000_000)


def _seed(text: str) -> int:
    return whole_number(text, "a seed", most=2**63 - 1)


def _count(text: str) -> int:
    return whole_number(text, "a row number or count", most=2**63 - 1)
