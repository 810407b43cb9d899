"""Composition root: the only place that knows which adapter stands behind which port."""

import os

from app.adapters.docker_launcher import DockerLauncher
from app.adapters.environment_secrets import EnvironmentSecrets
from app.adapters.gpu import describe_gpus
from app.adapters.hub_publishing import HuggingFacePublisher
from app.adapters.merged_files import MergedFiles
from app.adapters.merging.engine import SqliteMergeEngine
from app.adapters.process_launcher import ProcessLauncher
from app.adapters.processes import SystemProcesses
from app.adapters.quality_process import QualityProcess
from app.adapters.row_sources import RowSources
from app.adapters.scrapers.opening import open_web
from app.adapters.scrapers.registry import scrapers
from app.adapters.sqlite.chats import SqliteChatStore
from app.adapters.sqlite.configs import SqliteConfigStore
from app.adapters.sqlite.engine import open_database
from app.adapters.sqlite.merges import SqliteMergeStore
from app.adapters.sqlite.runs import SqliteRunStore
from app.adapters.sqlite.scrapes import SqliteScrapeStore
from app.adapters.sqlite.sessions import SqliteSessionStore
from app.adapters.sqlite.settings import SqliteSettingsStore
from app.adapters.survey_files import SqliteSurveyFiles
from app.adapters.trainer_looker import TrainerLooker
from app.adapters.worker_engine import WorkerEngine
from app.domain.ports import Launchers
from app.domain.runs import DockerOptions, Target
from app.paths import Paths
from app.services.chatting import ChatService
from app.services.collecting import CollectingService
from app.services.doctor import DoctorService
from app.services.everything import Services
from app.services.layers import LayerService
from app.services.library import LibraryService
from app.services.merging import MergeService
from app.services.monitoring import MonitoringService, utc_now
from app.services.previews import PreviewService
from app.services.publishing import PublishingService
from app.services.settings import SettingsService
from app.services.setups import SetupService
from app.services.training import TrainingService


def build_services(paths: Paths) -> Services:
    """Open the database and put everything together. Raises StoreError."""
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")  # nothing leaves this computer unasked
    processes, secrets = SystemProcesses(), EnvironmentSecrets()
    database = open_database(paths.database)
    settings = SqliteSettingsStore(database)
    runs = SqliteRunStore(database)
    launchers: Launchers = {
        Target.LOCAL: ProcessLauncher(
            paths.trainer, rows_cache=paths.rows_cache, memory_history=paths.memory_history
        ),
        Target.DOCKER: DockerLauncher(paths.data),
    }
    sessions, sources = SqliteSessionStore(database, processes), RowSources()
    library = LibraryService(sessions, sources, settings, secrets, paths.sample_file)
    monitoring = MonitoringService(runs, launchers, processes, utc_now)
    collecting = CollectingService(
        scrapers,
        SqliteScrapeStore(database, processes),
        processes,
        SettingsService(settings),
        open_web,
        library.free_name,
    )
    training = TrainingService(
        runs,
        launchers,
        library,
        monitoring,
        processes,
        secrets,
        data_dir=paths.data,
        bundled_model=paths.tiny_model,
        clock=utc_now,
    )
    publishing = PublishingService(sessions, HuggingFacePublisher(), secrets, paths.exports)
    looker = TrainerLooker(paths.trainer, log_dir=paths.logs, secrets=secrets.hf_token)
    engine = WorkerEngine(log_dir=paths.logs, secrets=secrets.hf_token)
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
        ),
        training=training,
        monitoring=monitoring,
        chats=ChatService(runs, SqliteChatStore(database), engine, paths.exports),
        settings=SettingsService(settings),
        setups=SetupService(SqliteConfigStore(database), library, training),
        doctor=DoctorService(paths.home, launchers, secrets, describe_gpus, DockerOptions()),
        publishing=publishing,
        previews=PreviewService(
            library,
            runs,
            looker,
            SqliteSurveyFiles(),
            cache=paths.previews,
            bundled_model=paths.tiny_model,
            checker=QualityProcess(paths.logs),
        ),
        layers=LayerService(looker, bundled_model=paths.tiny_model),
    )
