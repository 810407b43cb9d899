"""Tokens in the terminal. One is typed unseen or read from standard input, never from the command's words."""

import argparse
import getpass
import sys

from app.cli.output import Output
from app.domain.tokens import TokenPlace
from app.services.everything import Services


def list_tokens(services: Services, args: argparse.Namespace, output: Output) -> int:
    states = services.tokens.states()
    output.give(states)
    for state in states:
        output.say(f"{state.place.label}: {state.text}")
    if problem := services.tokens.why_not_kept():
        output.say(problem)
    return 0


def keep_token(services: Services, args: argparse.Namespace, output: Output) -> int:
    place = TokenPlace(args.place)
    asked = getpass.getpass("Token (it is not shown): ") if sys.stdin.isatty() else sys.stdin.readline()
    state = services.tokens.keep(place, asked)
    output.give(state)
    output.say(f"{place.label}: {state.text}")
    return 0


def delete_token(services: Services, args: argparse.Namespace, output: Output) -> int:
    state = services.tokens.delete(TokenPlace(args.place))
    output.give(state)
    output.say(f"{state.place.label}: {state.text}")
    return 0


def test_token(services: Services, args: argparse.Namespace, output: Output) -> int:
    said = services.tokens.test(TokenPlace(args.place))
    output.give({"works": True, "text": said})
    output.say(said)
    return 0
