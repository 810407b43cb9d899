"""The switch of offline mode in the terminal."""

import argparse

from app.cli.output import Output
from app.domain.still_online import StillOnline
from app.services.everything import Services


def offline(services: Services, args: argparse.Namespace, output: Output) -> int:
    if args.to:
        services.offline.switch(args.to == "on")
    reason = services.offline.reason()
    still = services.still_online.under_way() if reason else ()
    about = {"offline": bool(reason), "reason": reason, "decided_by": services.offline.decided_by}
    output.give({**about, "still_online": still})
    output.say(f"{reason} {services.offline.way_out()}" if reason else "Offline mode is off.")
    for each in still:
        output.say(f"Still under way: {each.said} {each.hint or _stop(each)}")
    return 0


def _stop(each: StillOnline) -> str:
    save = " --save" if each.saves else ""
    return f"`tunewright runs stop {each.run_id}{save}` ends it."
