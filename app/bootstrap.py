"""Composition root: the only place that knows which adapter stands behind which port."""

import os
from importlib.metadata import version
from pathlib import Path

from app.adapters.bundle_parts import SystemBundleParts
from app.adapters.computer_memory import computer_memory
from app.adapters.docker_care import LocalDockerCare
from app.adapters.docker_launcher import DockerLauncher
from app.adapters.environment_secrets import EnvironmentSecrets
from app.adapters.export_process import ExportProcess
from app.adapters.file_manager import FileManager
from app.adapters.gpu import describe_gpus, nvidia_gpus
from app.adapters.hub_look import HuggingFaceHub
from app.adapters.hub_publishing import HuggingFacePublisher
from app.adapters.keyring_vault import KeyringVault
from app.adapters.local_api import LoopbackApi
from app.adapters.merged_files import MergedFiles
from app.adapters.merging.engine import SqliteMergeEngine
from app.adapters.model_configs import FoundModelConfigs
from app.adapters.model_files import FoundModels, own_cache
from app.adapters.models_in_memory import ModelsInMemory
from app.adapters.offline_rehearsal import OfflineRehearser
from app.adapters.pod_tokens import PodTokenFiles
from app.adapters.probe_process import ProbeProcess
from app.adapters.process_launcher import ProcessLauncher
from app.adapters.process_network import ProcessNetwork
from app.adapters.processes import SystemProcesses
from app.adapters.quality_process import QualityProcess
from app.adapters.row_sources import RowSources
from app.adapters.run_files import write_config
from app.adapters.runpod.agents import RentedAgent
from app.adapters.runpod.client import RunpodClient
from app.adapters.scrapers.opening import open_web
from app.adapters.scrapers.registry import scrapers
from app.adapters.speed_file import PaceFile, SpeedFile
from app.adapters.sqlite.chats import SqliteChatStore
from app.adapters.sqlite.configs import SqliteConfigStore
from app.adapters.sqlite.conversations import SqliteConversationStore
from app.adapters.sqlite.engine import open_database
from app.adapters.sqlite.exports import SqliteExportStore
from app.adapters.sqlite.merges import SqliteMergeStore
from app.adapters.sqlite.rentals import SqliteRentalStore
from app.adapters.sqlite.runs import SqliteRunStore
from app.adapters.sqlite.scrapes import SqliteScrapeStore
from app.adapters.sqlite.sessions import SqliteSessionStore
from app.adapters.sqlite.settings import SqliteSettingsStore
from app.adapters.survey_files import SqliteSurveyFiles
from app.adapters.token_check import HttpTokenChecker
from app.adapters.trainer_looker import TrainerLooker
from app.adapters.worker_engine import WorkerEngine
from app.domain.elsewhere import Elsewhere
from app.domain.ports import Launchers
from app.domain.runs import DockerOptions, Target
from app.domain.tokens import TokenPlace
from app.paths import Paths
from app.services.auto_setting import AutoSettingService
from app.services.bundles import BundleService
from app.services.chatting import ChatService
from app.services.collecting import CollectingService
from app.services.comparing import ComparingService
from app.services.conversing import ConversationService
from app.services.diagnostics import DiagnosticsService
from app.services.docker_care import DockerCareService
from app.services.doctor import DoctorService
from app.services.everything import Services
from app.services.export_timing import ExportTiming
from app.services.exporting import ExportService
from app.services.history import HistoryService
from app.services.job_scripts import JobScriptService
from app.services.layers import LayerService
from app.services.library import LibraryService
from app.services.merging import MergeService
from app.services.monitoring import MonitoringService, utc_now
from app.services.offline import OfflineService
from app.services.offline_doctor import OfflineDoctor
from app.services.preflight import PreflightService
from app.services.previews import PreviewService
from app.services.probing import ProbingService
from app.services.proving import ProvingService
from app.services.publishing import PublishingService
from app.services.queue_clock import QueueClock
from app.services.queueing import QueueService
from app.services.renting.account import Account
from app.services.renting.keepers import Keepers
from app.services.renting.launcher import RunpodLauncher
from app.services.renting.parts import PATIENCE, Patience, Renting
from app.services.renting.planning import RentingService
from app.services.renting.reaper import Reaper
from app.services.renting.sizes import GpuNeed, data_size
from app.services.runpod_storage import RunpodStorageService
from app.services.serving import ServingService
from app.services.settings import SettingsService
from app.services.setups import SetupService
from app.services.still_online import StillOnlineService
from app.services.talkers import TalkerService
from app.services.talking import TalkingEngine
from app.services.tokens import TokenService
from app.services.training import TrainingService
from trainer_image import network


def build_services(
    paths: Paths, elsewhere: Elsewhere | None = None, *, patience: Patience = PATIENCE
) -> Services:
    """Open the database and put everything together. Raises StoreError.

    With `elsewhere`, what takes long is done there. `patience` is with rented pods.
    """
    os.environ.update(network.NO_TELEMETRY)  # nothing leaves this computer unasked
    processes, vault = SystemProcesses(), KeyringVault(changed=paths.home / "tokens.changed")
    secrets = EnvironmentSecrets(vault=vault)
    database = open_database(paths.database)
    settings = SqliteSettingsStore(database)
    preferences = SettingsService(settings)
    data = Path(preferences.data_folder) if preferences.data_folder else paths.data
    offline = OfflineService(preferences, ProcessNetwork())
    offline.reason()  # from here on this process is held to it
    runs = SqliteRunStore(database)
    renting = Renting(
        rentals=SqliteRentalStore(database),
        account=Account(secrets, RunpodClient(secrets), offline.reason),
        agents=RentedAgent,
        tokens=PodTokenFiles(paths.pod_tokens),
        processes=processes,
        settings=settings,
        clock=utc_now,
        hub_token=secrets.hf_token,
        write_config=write_config,
        patience=patience,
    )
    keepers, gpu_need = Keepers(renting), GpuNeed()
    launchers: Launchers = {
        Target.LOCAL: ProcessLauncher(
            paths.trainer, rows_cache=paths.rows_cache, memory_history=paths.memory_history
        ),
        Target.DOCKER: DockerLauncher(data),
        Target.RUNPOD: RunpodLauncher(renting, keepers, gpu_need),
    }
    sessions, sources = SqliteSessionStore(database, processes), RowSources()
    library = LibraryService(sessions, sources, settings, secrets, paths.sample_file, elsewhere)
    monitoring = MonitoringService(runs, launchers, processes, utc_now)
    collecting = CollectingService(
        scrapers,
        SqliteScrapeStore(database, processes),
        processes,
        preferences,
        open_web,
        library.free_name,
        offline,
    )
    in_memory = ModelsInMemory(paths.models_in_memory)
    engine = WorkerEngine(
        log_dir=paths.logs,
        secrets=secrets.hf_token,
        idle_minutes=lambda: preferences.idle_minutes,
        in_memory=in_memory,
    )

    def make_room() -> None:
        """For a run: here, and in every other process over this home."""
        in_memory.make_room()
        if engine.pid is not None:
            engine.unload()

    training = TrainingService(
        runs,
        launchers,
        library,
        monitoring,
        processes,
        secrets,
        data_dir=data,
        bundled_model=paths.tiny_model,
        clock=utc_now,
        offline=offline.reason,
        gpus=nvidia_gpus,
        open_folder=FileManager(),
        make_room=make_room,
    )
    docker_care = DockerCareService(
        LocalDockerCare(paths.trainer.parent, version=version("tunewright")), runs, offline, describe_gpus
    )
    publishing = PublishingService(sessions, HuggingFacePublisher(), secrets, paths.exports)
    looker = TrainerLooker(
        paths.trainer,
        log_dir=paths.logs,
        secrets=secrets.hf_token,
        memory_history=paths.memory_history,
    )
    speeds = SpeedFile(paths.speeds)
    previews = PreviewService(
        library,
        runs,
        speeds,
        looker,
        SqliteSurveyFiles(),
        cache=paths.previews,
        bundled_model=paths.tiny_model,
        checker=QualityProcess(paths.logs),
    )
    configs = FoundModelConfigs(secrets.hf_token)
    chats = SqliteChatStore(database)
    gpu_need.previews = previews
    rented = RentingService(
        renting, runs, gpu_need, lambda request: data_size(request, library), previews.seen_by
    )
    preflight = PreflightService(
        training,
        previews,
        library,
        runs,
        FoundModels(),
        HuggingFaceHub(),
        secrets,
        gpus=nvidia_gpus,
        computer_memory=computer_memory,
        offline=offline.reason,
        renting=rented,
    )
    talkers = TalkerService(
        runs,
        FoundModels(),
        configs,
        gpus=nvidia_gpus,
        computer_memory=computer_memory,
        offline=offline.reason,
        bundled_model=paths.tiny_model,
    )
    comparing = ComparingService(talkers, engine, library, exports=paths.exports, clock=utc_now)
    queue = QueueService(
        runs,
        training,
        monitoring,
        processes,
        settings,
        nvidia_gpus,
        utc_now,
        check=preflight.check,
        spent_since=rented.spent_since,
        spent_by=rented.spent,
    )
    exporting = ExportService(
        runs,
        SqliteExportStore(database),
        ExportProcess(paths.logs, secrets.hf_token),
        FoundModels(),
        processes,
        secrets,
        FileManager(),
        ExportTiming(PaceFile(paths.export_paces), utc_now),
        folder=paths.exports,
        clock=utc_now,
        offline=offline.reason,
        version=version("tunewright"),
        configs=configs,
        gpus=nvidia_gpus,
        downloads=own_cache,
        make_room=make_room,
    )
    return Services(
        library=library,
        collecting=collecting,
        merging=MergeService(
            sessions,
            sources,
            SqliteMergeStore(database),
            SqliteMergeEngine(database, processes, paths.merging),
            MergedFiles(),
            secrets,
            publishing,
            utc_now,
            elsewhere,
        ),
        training=training,
        monitoring=monitoring,
        chats=ChatService(runs, chats, engine, paths.exports, bundled_model=paths.tiny_model),
        talkers=talkers,
        talking=TalkingEngine(engine, talkers),
        conversations=ConversationService(
            SqliteConversationStore(database), talkers, engine, library, exports=paths.exports, clock=utc_now
        ),
        comparing=comparing,
        proving=ProvingService(runs, comparing, monitoring.measurements),
        serving=ServingService(talkers, engine, LoopbackApi()),
        settings=preferences,
        offline=offline,
        still_online=StillOnlineService(
            runs,
            exporting.being_written,
            lambda: engine.loads_online,
            image=docker_care.work.under_way,
            datasets=library.fetching.names,
        ),
        docker_care=docker_care,
        bundles=BundleService(
            SystemBundleParts(
                paths.models,
                caches=[data / "cache/huggingface/hub"],
                checkout=paths.trainer.parent,
                token=secrets.hf_token,
            ),
            library,
            offline,
            processes,
            folder=paths.home / "bundles",
            version=version("tunewright"),
        ),
        offline_doctor=OfflineDoctor(
            OfflineRehearser(paths.trainer, docker_cache=data / "cache/huggingface/hub"),
            launchers,
            library,
            bundled_model=paths.tiny_model,
            rows=paths.sample_file,
        ),
        tokens=TokenService(secrets, vault, HttpTokenChecker(), offline),
        setups=SetupService(SqliteConfigStore(database), library, training),
        doctor=DoctorService(
            paths.home,
            launchers,
            secrets,
            describe_gpus,
            DockerOptions(),
            has_runpod_key=lambda: secrets.find(TokenPlace.RUNPOD) is not None,
        ),
        diagnostics=DiagnosticsService(monitoring, secrets, paths.exports, app_log=paths.app_log),
        publishing=publishing,
        previews=previews,
        probing=ProbingService(
            training,
            library,
            runs,
            ProbeProcess(
                paths.trainer,
                rows_cache=paths.rows_cache,
                memory_history=paths.memory_history,
                secrets=secrets.hf_token,
                gpus=nvidia_gpus,
            ),
            speeds,
            cache=paths.previews,
            seen_by=previews.seen_by,
            offline=offline.reason,
            make_room=engine.unload,
        ),
        preflight=preflight,
        history=HistoryService(
            runs,
            chats,
            monitoring,
            library,
            training,
            exports=paths.exports,
            clock=utc_now,
        ),
        queue=queue,
        queue_clock=QueueClock(queue),
        auto=AutoSettingService(
            nvidia_gpus,
            configs,
            previews,
            computer_memory=computer_memory,
            history=paths.memory_history,
            bundled_model=paths.tiny_model,
            offline=offline.reason,
        ),
        job_scripts=JobScriptService(library, paths.trainer, previews.outlook),
        layers=LayerService(looker, bundled_model=paths.tiny_model),
        renting=rented,
        reaper=Reaper(renting, keepers),
        exporting=exporting,
        runpod_storage=RunpodStorageService(renting.account.cloud, renting.account.problem),
    )
