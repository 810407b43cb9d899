"""What there is at Runpod, in the terminal: GPUs, volumes, templates, the balance."""

import argparse
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final

from app.cli.output import Output
from app.domain.errors import StudioError
from app.domain.money import credit, money
from app.domain.renting import NO_POD, Order, fits, ladder
from app.domain.runpod_ports import GpuOffer, PodTemplate
from app.domain.runpod_storage import VolumePlan, VolumeState, a_month
from app.services.everything import Services
from app.services.setup_files import read_setup

Verb = Callable[[Services, argparse.Namespace, Output], int]


def list_gpus(services: Services, args: argparse.Namespace, output: Output) -> int:
    needed = _needed(services, args)
    options = replace(NO_POD, order=Order(args.order), region=args.region or "", highest_price=float("inf"))
    offers = services.renting.offers()
    found = ladder(offers, needed, options, with_stock=not args.all)
    too_small = sum(1 for offer in offers if not fits(offer, needed))
    output.give({"needed_bytes": needed, "gpus": [_told(offer, args.region) for offer in found]})
    if needed is not None:
        output.say(f"The run needs {needed / 1e9:.1f} GB; {too_small} types of GPU are too small for it.")
    if not found:
        output.say("No GPU that serves is free now. `--all` shows those that are not free, too.")
        return 1
    output.table(["gpu", "memory", "price", "stock", "free in"], [_row(offer) for offer in found])
    return 0


def show_balance(services: Services, args: argparse.Namespace, output: Output) -> int:
    balance = services.renting.balance()
    output.give(balance)
    output.say(f"Balance: {credit(balance.credit)}. Spending now: {money(balance.spend_per_hour)}/h.")
    return 0


def volumes(services: Services, args: argparse.Namespace, output: Output) -> int:
    if args.ensure is not None:
        return _ensure_volume(services, args, output)
    return _delete_volume(services, args, output) if args.delete else _list_volumes(services, output)


def templates(services: Services, args: argparse.Namespace, output: Output) -> int:
    if args.ensure:
        return _ensure_template(services, args, output)
    return _delete_template(services, args, output) if args.delete else _list_templates(services, output)


def _list_volumes(services: Services, output: Output) -> int:
    stored = services.runpod_storage.stored()
    states = stored.volumes
    output.give({"volumes": [_told_volume(state) for state in states], "monthly": stored.monthly})
    if not states:
        output.say("There is no network volume. `tunewright runpod volumes --ensure 50` makes one of 50 GB.")
        return 0
    output.table(
        ["volume", "name", "region", "size", "a month", "pods"],
        [
            (
                state.volume.id,
                state.volume.name,
                state.volume.region,
                f"{state.volume.size_gb} GB",
                "not known" if state.monthly is None else f"about {money(state.monthly)}",
                ", ".join(state.pods) or "none",
            )
            for state in states
        ],
    )
    output.say(f"{stored.in_words} They cost also while no pod uses them.")
    return 0


def _ensure_volume(services: Services, args: argparse.Namespace, output: Output) -> int:
    size, gpu, region = args.ensure, args.gpu or "", args.region or ""
    plan = services.runpod_storage.plan_volume(size_gb=size, gpu=gpu, region=region)
    if not plan.is_done:
        output.say(f"A volume of {plan.size_gb} GB in {plan.region}: {plan.adds_in_words}.")
        _require_yes(args, "Make it?", "Nothing was made: it costs money by the month.")
        plan = services.runpod_storage.ensure_volume(size_gb=size, gpu=gpu, region=region)
    output.give(_told_plan(plan))
    assert plan.existing is not None
    output.say(f"{plan.existing.id} in {plan.region}: {plan.size_gb} GB, {a_month(plan.monthly)}.")
    return 0


def _delete_volume(services: Services, args: argparse.Namespace, output: Output) -> int:
    _require_yes(args, f"Delete {args.delete} with all files on it?", "Nothing was deleted.")
    gone = services.runpod_storage.delete_volume(args.delete)
    output.give({"deleted": gone})
    output.say(f"The volume {gone.id} ({gone.size_gb} GB in {gone.region}) and its files are deleted.")
    return 0


def _list_templates(services: Services, output: Output) -> int:
    found = services.runpod_storage.stored().templates
    output.give({"templates": found})
    if found:
        output.table(["template", "name", "image", "disk"], [_template_row(each) for each in found])
    else:
        output.say("There is no template. Templates cost nothing, and Tunewright needs none.")
    return 0


def _ensure_template(services: Services, args: argparse.Namespace, output: Output) -> int:
    made = services.runpod_storage.ensure_template(image=args.ensure, disk_gb=args.disk)
    output.give(made)
    output.say(f"{made.id}: {made.name}, {made.image}. It costs nothing.")
    return 0


def _delete_template(services: Services, args: argparse.Namespace, output: Output) -> int:
    _require_yes(args, f"Delete the template {args.delete}?", "Nothing was deleted.")
    gone = services.runpod_storage.delete_template(args.delete)
    output.give({"deleted": gone})
    output.say(f"The template {gone.id} ({gone.name}) is deleted.")
    return 0


def _needed(services: Services, args: argparse.Namespace) -> int | None:
    if args.needs is not None:
        return int(args.needs * 1e9)
    if not args.config:
        return None
    needed = services.renting.needed_bytes(read_setup(Path(args.config)).config)
    if needed is None:
        raise StudioError(
            "Nobody knows how much memory this run needs.", "Leave --config out, or give --needs GB."
        )
    return needed


def _require_yes(args: argparse.Namespace, question: str, otherwise: str) -> None:
    if args.yes:
        return
    if not sys.stdin.isatty():
        raise StudioError(otherwise, "Give --yes to agree to it.")
    if input(f"{question} [y/N] ").strip().lower() not in ("y", "yes"):
        raise StudioError(otherwise)


def _told(offer: GpuOffer, region: str) -> dict[str, object]:
    stock = {name: level.name for name, level in offer.regions.items()}
    return {
        "id": offer.id,
        "name": offer.name,
        "memory_gb": offer.memory_gb,
        "price_per_hour": offer.price_per_hour,
        "stock": stock.get(region, "NONE") if region else offer.stock.name,
        "regions": stock,
    }


def _row(offer: GpuOffer) -> tuple[str, ...]:
    places = ", ".join(f"{name} {level.name.lower()}" for name, level in sorted(offer.regions.items()))
    return (
        offer.name,
        f"{offer.memory_gb} GB",
        f"{money(offer.price_per_hour)}/h",
        offer.stock.name.lower(),
        places or "nowhere",
    )


def _told_volume(state: VolumeState) -> dict[str, object]:
    return {**vars(state.volume), "monthly": state.monthly, "pods": list(state.pods), "ours": state.is_ours}


def _told_plan(plan: VolumePlan) -> dict[str, object]:
    return {"volume": plan.existing, "monthly": plan.monthly, "stock": plan.stock and plan.stock.name}


def _template_row(template: PodTemplate) -> tuple[str, ...]:
    return template.id, template.name, template.image, f"{template.disk_gb} GB"


VERBS: Final[Mapping[tuple[str, str | None], Verb]] = {
    ("runpod", "gpus"): list_gpus,
    ("runpod", "balance"): show_balance,
    ("runpod", "volumes"): volumes,
    ("runpod", "templates"): templates,
}
