"""What the history of runs is told in the terminal."""

import argparse
from collections.abc import Callable

Leaf = Callable[..., argparse.ArgumentParser]


def add_history_words(nouns: "argparse._SubParsersAction[argparse.ArgumentParser]", leaf: Leaf) -> None:
    """`leaf` makes a verb of `nouns` with its help."""

    def about_a_run(name: str, text: str) -> argparse.ArgumentParser:
        made = leaf(nouns, name, text)
        made.add_argument("run", help="name, id, or the start of an id")
        return made

    about_a_run("rename", "give a run another name; its folder keeps its own").add_argument("name")
    note = about_a_run("note", "write a note about a run, or show it")
    note.add_argument("text", nargs="?", help="the note; an empty one removes it")
    saved = about_a_run("checkpoints", "what a run can go on from, each checkpoint verified")
    saved.add_argument("--sums", action="store_true", help="read their files and compare the checksums too")
    delete = about_a_run("delete", "forget an ended run; its files stay unless --files is given")
    delete.add_argument("--files", action="store_true", help="delete its folder too")
    delete.add_argument("--yes", action="store_true", help="although others depend on it")
    take = leaf(nouns, "import", "take the finished run of another trainer into the history")
    take.add_argument("folder", help="output folder of training_hub, instructlab-training, mini-trainer…")
    take.add_argument("--look", action="store_true", help="say what is there, and import nothing")
