"""What `train.py` is told on its command line."""

import argparse
from pathlib import Path


def parse(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Train one run.")
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--run-dir", type=Path, help="the run's folder")
    what.add_argument("--doctor", action="store_true", help="print what can be trained here, and leave")
    parser.add_argument("--resume", action="store_true", help="go on from the newest whole checkpoint")
    parser.add_argument(
        "--resume-from", metavar="NAME", help="with --resume: this one instead, like samples_400"
    )
    parser.add_argument("--estimate", action="store_true", help="print the memory it would take, and leave")
    parser.add_argument(
        "--probe", action="store_true", help="measure memory and the time of a step, train nothing, and leave"
    )
    parser.add_argument("--attended", action="store_true", help="leave when standard input closes")
    parser.add_argument("--extend", action="store_true", help="though the run's length was changed since")
    parser.add_argument("--attempt", type=int, help="which launch of the run this is, from 1")
    args = parser.parse_args(argv)
    if args.probe and (args.resume or args.estimate):
        parser.error("--probe goes with neither --resume nor --estimate")
    return args
