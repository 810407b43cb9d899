"""What happens between two steps of the loop: measuring memory and validation, and what was asked for."""

from typing import Any

from transformers import TrainerCallback

from trainer_image import agreement, ranks
from trainer_image.commands import Commands
from trainer_image.stopping import StopRequest


class Follow(TrainerCallback):  # type: ignore[misc]
    """Announces the plan once it is known, and passes wishes on to the loop."""

    def __init__(self, loop: Any, stop: StopRequest, commands: Commands) -> None:
        self._loop = loop
        self._commands = commands
        self._stop = stop

    def on_train_begin(self, *_: Any, **__: Any) -> None:
        self._loop.report_plan()
        self._loop.follow_new_length()
        self._loop.measure_first()
        self._stop.defer()

    def on_epoch_begin(self, *_: Any, **__: Any) -> None:
        self._loop.begin_epoch()

    def on_epoch_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        if control.should_training_stop:
            return
        control.should_save |= self._loop.saves_at_epoch
        control.should_evaluate |= self._loop.epoch_is_measured()

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self._loop.trials.run()
        self._loop.agree_on_memory()
        if agreement.any_of(self._commands.take_save()):
            control.should_save = self._loop.keeps_next = True
        if agreement.any_of(self._commands.take_sample()):
            self._loop.sample(is_asked=True)
        if agreement.any_of(self._commands.take_finish()):
            self._loop.finish_here()
        wish = ranks.agree(self._stop)
        if wish:
            control.should_training_stop = True
            control.should_save = wish == "save"
        elif self._loop.evaluation_is_due():
            control.should_evaluate = True
        if self._loop.ends_after:
            control.should_save = False
            control.should_training_stop |= state.global_step >= self._loop.ends_after
