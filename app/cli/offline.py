"""The switch of offline mode in the terminal."""

import argparse

from app.cli.output import Output
from app.services.everything import Services


def offline(services: Services, args: argparse.Namespace, output: Output) -> int:
    if args.to:
        services.offline.switch(args.to == "on")
    reason = services.offline.reason()
    output.give({"offline": bool(reason), "reason": reason, "decided_by": services.offline.decided_by})
    output.say(f"{reason} {services.offline.way_out()}" if reason else "Offline mode is off.")
    return 0
